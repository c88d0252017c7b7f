/**
 * What the platform says about the network and the page. Owns the listeners; a platform that lacks
 * an event never fires it.
 *
 * @module
 */

/** Called when something happens to the network or the page. */
export interface NetworkCalls {
  /** The network is back. */
  readonly online: () => void;
  /** The network is gone. */
  readonly offline: () => void;
  /** A connection may have died unnoticed: another network, a page shown or thawed. */
  readonly check: () => void;
}

/** What a page has beyond an EventTarget; a worker has less, Node nothing of it. */
interface Page extends Partial<EventTarget> {
  readonly document?: EventTarget & { readonly visibilityState: string };
  readonly navigator?: { readonly onLine?: boolean; readonly connection?: EventTarget };
}

const page: Page = globalThis as unknown as Page;

/** Whether the platform knows that there is no network. */
export function isOffline(): boolean {
  return page.navigator?.onLine === false;
}

/** Listens until the returned function is called. */
export function watchNetwork({ online, offline, check }: NetworkCalls): () => void {
  const { document, navigator } = page;
  const controller = new AbortController();
  const { signal } = controller;
  const on = (target: Partial<EventTarget> | undefined, type: string, call: () => void) =>
    target?.addEventListener?.(type, call, { signal });
  on(page, "online", online);
  on(page, "offline", offline);
  on(page, "pageshow", check);
  on(document, "resume", check);
  on(document, "visibilitychange", () => document?.visibilityState === "visible" && check());
  on(navigator?.connection, "change", check);
  return () => controller.abort();
}
