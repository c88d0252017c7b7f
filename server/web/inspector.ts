/**
 * A dialog for one connection: its state or why it closed, its timeline and its last events, and a
 * button that disconnects it. Refreshes while the connection is open. Has an address of its own.
 *
 * @module
 */

/// <reference lib="dom" />

import type { Api } from "./api.ts";
import { byId, el, setText } from "./dom.ts";
import { bytes, duration, messageOf, milliseconds, moment, NO_VALUE, whole } from "./format.ts";
import { type Connection, type InspectedConnection, isClosed } from "./api_types.ts";
import { laneNames, listOf, pictureOf } from "./timeline.ts";
import { explainClose } from "./close_explanations.ts";

const REFRESH_MS = 2_000;

/** The start of the page's fragment while a connection is shown; its id follows. */
const ADDRESS = "#/connection/";

/** The texts of the button: it disconnects when pressed twice. */
const [DISCONNECT, CONFIRM] = ["Disconnect", "Press again to disconnect it"];

/** Owns the element `#inspector`. */
export class Inspector {
  readonly #api: Api;
  readonly #dialog = byId("inspector", HTMLDialogElement);
  /** These elements stay during a refresh, so that focus and scroll position stay. */
  readonly #sentence = el("p", { "class": "sentence" });
  readonly #picture = el("div", { "class": "picture", tabindex: 0, "aria-label": "Timeline" });
  readonly #facts = el("dl", { "class": "facts" });
  readonly #events = el("ol", { "class": "events", tabindex: 0, "aria-label": "Events" });
  readonly #details = el(
    "div",
    {},
    this.#picture,
    this.#facts,
    el("h3", {}, "Last events, the newest first"),
    this.#events,
  );
  readonly #disconnect = el("button", { type: "button", "class": "disconnect" }, DISCONNECT);
  #id = "";
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Closed at first. */
  constructor(api: Api) {
    this.#api = api;
    this.#dialog.addEventListener("close", () => {
      if (this.#dialog.open) return; // opened again before this event came
      clearTimeout(this.#timer);
      if (location.hash.startsWith(ADDRESS)) history.replaceState(null, "", location.pathname);
    });
    addEventListener("hashchange", () => this.openAddressed());
    this.#disconnect.addEventListener("click", () => void this.#pressDisconnect());
    // A click outside closes the dialog, but not a text selection that begins inside and ends outside.
    let pressed: EventTarget | null = null;
    this.#dialog.addEventListener("pointerdown", ({ target }) => pressed = target);
    this.#dialog.addEventListener("click", ({ target }) => {
      if (target === this.#dialog && pressed === this.#dialog) this.#dialog.close();
    });
  }

  /** Shows the connection that the page's address names, if it names one. */
  openAddressed(): void {
    const { hash } = location;
    if (!hash.startsWith(ADDRESS)) return;
    const id = decodeURIComponent(hash.slice(ADDRESS.length));
    if (id !== this.#id || !this.#dialog.open) this.open(id);
  }

  /** Shows a connection. */
  open(id: string): void {
    this.#id = id;
    history.replaceState(null, "", `${ADDRESS}${encodeURIComponent(id)}`);
    setText(this.#disconnect, DISCONNECT);
    this.#disconnect.hidden = true;
    const close = el("button", { type: "button", "class": "close", "aria-label": "Close" }, "×");
    close.addEventListener("click", () => this.#dialog.close());
    const title = el("h2", { id: "inspector-title" }, "Connection ", el("code", {}, id));
    const heading = el("div", { "class": "heading" }, title, close);
    this.#dialog.replaceChildren(
      el("div", {}, heading, this.#sentence, this.#disconnect, this.#details),
    );
    this.#setSentence("Loading…", "");
    this.#details.hidden = true;
    if (!this.#dialog.open) this.#dialog.showModal();
    close.focus();
    void this.#refresh(id);
  }

  async #refresh(id: string): Promise<void> {
    clearTimeout(this.#timer);
    try {
      const connection = await this.#api.get<InspectedConnection>(
        `/api/v1/connections/${encodeURIComponent(id)}`,
      );
      if (this.#id !== id || !this.#dialog.open) return;
      this.#show(connection);
      if (!isClosed(connection)) this.#timer = setTimeout(() => void this.#refresh(id), REFRESH_MS);
    } catch (error) {
      if (this.#id !== id) return;
      this.#setSentence(messageOf(error), "");
      this.#details.hidden = true;
    }
  }

  async #pressDisconnect(): Promise<void> {
    if (this.#disconnect.textContent === DISCONNECT) {
      return setText(this.#disconnect, CONFIRM);
    }
    const id = this.#id;
    this.#disconnect.hidden = true;
    try {
      await this.#api.delete(`/api/v1/connections/${encodeURIComponent(id)}`);
    } catch (error) {
      return this.#setSentence(messageOf(error), "");
    }
    if (this.#id === id) await this.#refresh(id);
  }

  #show(connection: InspectedConnection): void {
    this.#disconnect.hidden = isClosed(connection);
    this.#setSentence(sentenceOf(connection), connection.health);
    this.#picture.replaceChildren(laneNames(), pictureOf(connection));
    this.#facts.replaceChildren(
      ...factsOf(connection).map(([name, value]) =>
        el("div", {}, el("dt", {}, name), el("dd", {}, value))
      ),
    );
    this.#events.replaceChildren(...listOf(connection.events));
    if (!this.#details.hidden) return;
    this.#details.hidden = false;
    this.#picture.scrollLeft = this.#picture.scrollWidth; // the last events are the interesting ones
    this.#events.scrollTop = 0;
  }

  #setSentence(text: string, health: string): void {
    setText(this.#sentence, text);
    this.#sentence.dataset.health = health;
  }
}

function sentenceOf(connection: InspectedConnection): string {
  if (isClosed(connection)) return explainClose(connection);
  const { seconds, health, liveness, idleMs } = connection;
  return `Open for ${duration(seconds)}; ${health}, ${liveness}; ` +
    `last sign of life ${milliseconds(idleMs)} ago.${adviceOn(connection)}`;
}

/** What a fault of an open connection means. */
function adviceOn({ liveness, applicationIdleMs }: Connection): string {
  if (liveness === "frozen") {
    return ` Its network answers, its script has not for ${duration(applicationIdleMs / 1_000)}: ` +
      "a frozen tab or a blocked script.";
  }
  return liveness === "stripped"
    ? " Its script answers, control pings do not come back: a proxy on the way drops control frames."
    : "";
}

/** How old the newest app round trip is, where the application no longer answers. */
function ageOf(connection: InspectedConnection): string {
  return !isClosed(connection) && connection.liveness === "frozen"
    ? ` (${duration(connection.applicationIdleMs / 1_000)} ago)`
    : "";
}

function factsOf(connection: InspectedConnection): [string, string][] {
  const { wire, app } = connection;
  const loss = wire.lossRatio === null ? NO_VALUE : `${(wire.lossRatio * 100).toFixed(1)} %`;
  const facts: [string, string][] = [
    ["Profile", connection.profile],
    ["Key", connection.key ?? NO_VALUE],
    ["Address", connection.address || NO_VALUE],
    ...(connection.node === undefined ? [] : [["Process", connection.node] as [string, string]]),
    ["Since", moment(connection.openedMs)],
    ["Round trip", milliseconds(connection.rttMs)],
    ["Shortest", milliseconds(wire.minMs)],
    ["Jitter", milliseconds(connection.jitterMs)],
    ["Pings lost", loss],
    ["App round trip", milliseconds(app.averageMs) + ageOf(connection)],
    ["Messages in / out", `${whole(connection.messagesIn)} / ${whole(connection.messagesOut)}`],
  ];
  if (!isClosed(connection)) {
    return [...facts, [
      "Queue",
      `${whole(connection.queuedMessages)} messages, ${bytes(connection.queuedBytes)}`,
    ]];
  }
  return [
    ...facts,
    ["Closed", moment(connection.closedMs)],
    ["Reason", connection.reason],
    ["Cause", connection.cause],
    ["Silent before", duration(connection.silentSeconds)],
  ];
}
