/**
 * Checks the dates of an untrusted certificate, since Deno reports an expired one with the code of an
 * unknown issuer. Owns a TLS connection that sends no data.
 *
 * @module
 */

import { connect } from "node:tls";
import type { Clock } from "../../base/clock.ts";

/** The node:tls code of a certificate that has expired or is not valid yet; undefined: neither, or unknown. */
export function datesProblem(
  url: URL,
  { clock, timeoutMs }: { readonly clock: Clock; readonly timeoutMs: number },
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const host = url.hostname.replace(/^\[|\]$/g, "");
    const servername = /^[\d.]+$|:/.test(host) ? "" : host; // an address is no server name (RFC 6066 3)
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
