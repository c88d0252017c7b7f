/**
 * A second look at a certificate that was not trusted: Deno gives one that has expired the same code
 * as one of an unknown issuer. Owns a connection that sends nothing and accepts any certificate.
 *
 * @module
 */

import { connect } from "node:tls";
import type { Clock } from "../../base/clock.ts";

/** The code, as node:tls has it, of a certificate out of its time; undefined: it is in time, or unseen. */
export function datesProblem(
  url: URL,
  { clock, timeoutMs }: { readonly clock: Clock; readonly timeoutMs: number },
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const host = url.hostname.replace(/^\[|\]$/g, "");
    const servername = /^[\d.]+$|:/.test(host) ? "" : host; // an address is no name (RFC 6066 3)
    const port = Number(url.port || 443);
    const socket = connect({ host, port, servername, rejectUnauthorized: false });
    const settle = (code?: string) => {
      cancel();
      socket.destroy();
      resolve(code);
    };
    const cancel = clock.after(timeoutMs, settle);
    socket.on("error", () => settle());
    socket.on("secureConnect", () => {
      const { valid_from: from, valid_to: to } = socket.getPeerCertificate();
      if (clock.wall() > Date.parse(to)) settle("CERT_HAS_EXPIRED");
      else if (clock.wall() < Date.parse(from)) settle("CERT_NOT_YET_VALID");
      else settle();
    });
  });
}
