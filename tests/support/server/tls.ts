/**
 * A server with the certificate of tests/fixtures/tls, and whoever trusts it.
 *
 * @module
 */

import { ServerProcess } from "./server_process.ts";

/**
 * For localhost and 127.0.0.1, for a hundred years, trusted by nobody: `openssl req -x509 -newkey ec
 * -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 -subj /CN=localhost -addext
 * subjectAltName=DNS:localhost,IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE`
 */
export const CERT_FILE = new URL("../../fixtures/tls/cert.pem", import.meta.url).pathname;

/** The certificate's. */
export const KEY_FILE = new URL("../../fixtures/tls/key.pem", import.meta.url).pathname;

/** Starts it; it is dialled over TLS. */
export async function startWithTls(
  env: Readonly<Record<string, string>> = {},
): Promise<ServerProcess> {
  const caCerts = [await Deno.readTextFile(CERT_FILE)];
  const dial = () => Deno.connectTls({ hostname: "127.0.0.1", port: server.port, caCerts });
  const server: ServerProcess = await ServerProcess.start({
    env: { TLS_CERT_FILE: CERT_FILE, TLS_KEY_FILE: KEY_FILE, ...env },
    dial,
  });
  return server;
}
