/**
 * What the platform reports about the network and the page. Owns the listeners. A platform without
 * one of these events never fires it.
 *
 * @module
 */

import { platform } from "./platform.ts";

/** Callbacks for changes of the network or the page. */
export interface NetworkCallbacks {
  /** The network is available again. */
  readonly online: () => void;
  /** The network is not available. */
  readonly offline: () => void;
  /** A connection may be lost without an event: another network, or a page shown or resumed. */
  readonly changed: () => void;
}

/** What a page has beyond an EventTarget. A worker has less of it, Node nothing. */
interface Page extends Partial<EventTarget> {
  readonly document?: EventTarget & { readonly visibilityState: string };
  readonly navigator?: { readonly onLine?: boolean; readonly connection?: EventTarget };
}

const pageOf = (): Page => platform.page as Page;

/** Whether there is a network, as far as the platform reports it. */
export function isOnline(): boolean {
  return pageOf().navigator?.onLine !== false;
}

/** Listens. @returns removes the listeners */
export function watchNetwork({ online, offline, changed }: NetworkCallbacks): () => void {
  const page = pageOf();
  const { document, navigator } = page;
  const controller = new AbortController();
  const { signal } = controller;
  const on = (target: Partial<EventTarget> | undefined, type: string, call: () => void) =>
    target?.addEventListener?.(type, call, { signal });
  on(page, "online", online);
  on(page, "offline", offline);
  on(page, "pageshow", changed);
  on(document, "resume", changed);
  on(document, "visibilitychange", () => document?.visibilityState === "visible" && changed());
  on(navigator?.connection, "change", changed);
  return () => controller.abort();
}
