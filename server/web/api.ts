/**
 * The hub's HTTP API as the page asks it: with the key, if there is one, which is kept for this tab
 * alone. Owns where the key is kept.
 *
 * @module
 */

/// <reference lib="dom" />

const STORED_AS = "systole.key";

/** The API will not answer this key, or not without one. */
export class Refused extends Error {
  /** 401: no valid key; 403: one without the right. */
  readonly status: number;

  /** What the API says. */
  constructor(status: number, detail: string) {
    super(detail);
    this.status = status;
  }
}

export class Api {
  /** Called when a key that was good is refused. */
  onRefused: (refused: Refused) => void = () => {};
  /** Asked with; null without. */
  key: string | null = sessionStorage.getItem(STORED_AS);

  /** Remembers the key for this tab: call it once the key has been accepted. */
  keep(): void {
    if (this.key !== null) sessionStorage.setItem(STORED_AS, this.key);
  }

  /** Forgets the key. */
  forget(): void {
    this.key = null;
    sessionStorage.removeItem(STORED_AS);
  }

  /**
   * Reads something.
   *
   * @throws {Refused} where a key is needed
   * @throws {Error} with what the server says, or that it cannot be reached
   */
  async get<Of>(path: string, query: Readonly<Record<string, string | number>> = {}): Promise<Of> {
    const { key } = this;
    const words = new URLSearchParams(
      Object.entries(query).map(([name, value]) => [name, String(value)]),
    );
    const answer = await fetch(`${path}?${words}`, {
      headers: key === null ? {} : { Authorization: `Bearer ${key}` },
    }).catch((cause) => {
      throw new Error("The server cannot be reached.", { cause });
    });
    if (answer.ok) return await answer.json();
    const detail = await answer.json().then(
      (body) => String(body.detail),
      () => `The server answered ${answer.status}.`, // or something before it, in words of its own
    );
    if (answer.status !== 401 && answer.status !== 403) throw new Error(detail);
    const refused = new Refused(answer.status, detail);
    this.onRefused(refused);
    throw refused;
  }
}
