/**
 * Requests to the hub's HTTP API, with the key if there is one. Owns the key, which is stored for
 * this tab only.
 *
 * @module
 */

/// <reference lib="dom" />

const STORAGE_KEY = "systole.key";

/** The API requires a key, or rejects this one. */
export class AuthError extends Error {
  /** 401: no valid key; 403: a key without the right. */
  readonly status: number;

  /** @param detail the API's error text */
  constructor(status: number, detail: string) {
    super(detail);
    this.status = status;
  }
}

/** One key, and requests with it. */
export class Api {
  /** Called for each request that fails with an AuthError. */
  onAuthError: (error: AuthError) => void = () => {};
  /** Sent with each request; null: none. */
  key: string | null = sessionStorage.getItem(STORAGE_KEY);
  /** The process of the hub that lists are of; undefined: of all. */
  node: string | undefined;

  /** Stores the key for this tab. Call it after the API has accepted the key. */
  storeKey(): void {
    if (this.key !== null) sessionStorage.setItem(STORAGE_KEY, this.key);
  }

  /** Removes the key. */
  forgetKey(): void {
    this.key = null;
    sessionStorage.removeItem(STORAGE_KEY);
  }

  /**
   * Requests JSON.
   *
   * @throws {AuthError} if a key is required, or rejected
   * @throws {Error} with the server's error text, or if the server cannot be reached
   */
  async get<Of>(path: string, query: Readonly<Record<string, string | number>> = {}): Promise<Of> {
    const parameters = new URLSearchParams(
      Object.entries(query).map(([name, value]) => [name, String(value)]),
    );
    const response = await this.#fetch("GET", `${path}?${parameters}`);
    return await response.json();
  }

  /** Requests a list of the chosen process, or of all. @throws as `get()`, and if it has not answered */
  async list<Of>(path: string, query: Readonly<Record<string, string | number>>): Promise<Of> {
    const { node } = this;
    if (node === undefined) return await this.get(path, query);
    const body = await this.get<Of & { missing?: string[] }>(path, { ...query, node });
    if (body.missing !== undefined) throw new Error(`Process ${node} has not answered.`);
    return body;
  }

  /** Deletes what a path names. @throws as `get()` */
  async delete(path: string): Promise<void> {
    await this.#fetch("DELETE", path);
  }

  async #fetch(method: string, path: string): Promise<Response> {
    const { key } = this;
    const response = await fetch(path, {
      method,
      headers: key === null ? {} : { Authorization: `Bearer ${key}` },
    }).catch((cause) => {
      throw new Error("The server cannot be reached.", { cause });
    });
    if (response.ok) return response;
    const detail = await response.json().then(
      (body) => String(body.detail),
      () => `The server answered ${response.status}.`, // a proxy's error, which is no JSON
    );
    if (response.status !== 401 && response.status !== 403) throw new Error(detail);
    const error = new AuthError(response.status, detail);
    this.onAuthError(error);
    throw error;
  }
}
