/**
 * Which pages may open a connection, and which Host an open loopback server answers to. Pure.
 *
 * Browsers let any page open a WebSocket anywhere and only send the server the page's origin
 * (RFC 6455 section 10.2); and a page whose name an attacker points at 127.0.0.1 reaches loopback
 * under a foreign Host (DNS rebinding).
 *
 * @module
 */

/**
 * Whether a page may connect.
 *
 * @param origin the Origin header; none means that the client is no browser
 * @param host the Host header
 * @param allowed origins of the allow-list; when empty: the host itself and loopback
 */
export function originAllowed(
  origin: string | undefined,
  host: string | undefined,
  allowed: readonly string[],
): boolean {
  if (origin === undefined) return true;
  const url = parseUrl(origin);
  if (url === undefined) return false; // among them `null`, the origin of sandboxed pages
  if (allowed.length > 0) return allowed.includes(url.origin);
  return isLoopback(url.hostname) || url.host === parseUrl(`${url.protocol}//${host}`)?.host;
}

/** What it usually is, without the cost of a URL. */
const USUAL_LOOPBACK = /^(?:localhost|127\.0\.0\.1)(?::\d{1,4})?$/;

/** Whether a Host header names a loopback address. */
export function hostIsLoopback(host: string | undefined): boolean {
  if (host !== undefined && USUAL_LOOPBACK.test(host)) return true;
  const url = parseUrl(`http://${host}`);
  return url !== undefined && isLoopback(url.hostname);
}

/** Whether an address or name is reachable from this machine only. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, "").replace(/^::ffff:(?=\d+\.)/i, "").toLowerCase();
  return name === "::1" || name === "localhost" || name.endsWith(".localhost") ||
    /^127\.\d+\.\d+\.\d+$/.test(name);
}

function parseUrl(text: string): URL | undefined {
  return URL.parse(text) ?? undefined;
}
