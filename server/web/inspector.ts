/**
 * One connection in a dialog: what it is, how it fares or why it dropped, and its last events. Looks
 * again as long as it is open.
 *
 * @module
 */

/// <reference lib="dom" />

import type { Api } from "./api.ts";
import { byId, el, setText } from "./dom.ts";
import { bytes, duration, milliseconds, moment, NOTHING, whole } from "./format.ts";
import { hasEnded, type Inspected } from "./api_types.ts";
import { listOf, pictureOf } from "./timeline.ts";
import { whyEnded } from "./close_explanations.ts";

const REFRESH_MS = 2_000;

export class Inspector {
  readonly #api: Api;
  readonly #dialog = byId("inspector", HTMLDialogElement);
  /** These stay while what they hold is looked at again, and so do focus and scroll. */
  readonly #sentence = el("p", { "class": "sentence" });
  readonly #picture = el("div", { "class": "picture", tabindex: 0, "aria-label": "Timeline" });
  readonly #facts = el("dl", { "class": "facts" });
  readonly #events = el("ol", { "class": "events", tabindex: 0, "aria-label": "Events" });
  readonly #details = el(
    "div",
    {},
    this.#picture,
    this.#facts,
    el("h3", {}, "Its last events, the newest first"),
    this.#events,
  );
  #id = "";
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Closed at first. */
  constructor(api: Api) {
    this.#api = api;
    this.#dialog.addEventListener("close", () => clearTimeout(this.#timer));
    // What is within the dialog fills it. A text that is marked may end beside it: that is no click.
    let pressed: EventTarget | null = null;
    this.#dialog.addEventListener("pointerdown", ({ target }) => pressed = target);
    this.#dialog.addEventListener("click", ({ target }) => {
      if (target === this.#dialog && pressed === this.#dialog) this.#dialog.close();
    });
  }

  /** Shows a connection. */
  open(id: string): void {
    this.#id = id;
    const close = el("button", { type: "button", "class": "close", "aria-label": "Close" }, "×");
    close.addEventListener("click", () => this.#dialog.close());
    const title = el("h2", { id: "inspector-title" }, "Connection ", el("code", {}, id));
    const heading = el("div", { "class": "heading" }, title, close);
    this.#dialog.replaceChildren(el("div", {}, heading, this.#sentence, this.#details));
    this.#say("Looking…", "");
    this.#details.hidden = true;
    if (!this.#dialog.open) this.#dialog.showModal();
    close.focus();
    void this.#evaluate(id);
  }

  async #evaluate(id: string): Promise<void> {
    clearTimeout(this.#timer);
    try {
      const of = await this.#api.get<Inspected>(`/api/v1/connections/${encodeURIComponent(id)}`);
      if (this.#id !== id || !this.#dialog.open) return;
      this.#show(of);
      if (!hasEnded(of)) this.#timer = setTimeout(() => void this.#evaluate(id), REFRESH_MS);
    } catch (error) {
      if (this.#id !== id) return;
      this.#say(error instanceof Error ? error.message : String(error), "");
      this.#details.hidden = true;
    }
  }

  #show(of: Inspected): void {
    this.#say(sentenceOf(of), of.health);
    this.#picture.replaceChildren(pictureOf(of));
    this.#facts.replaceChildren(
      ...factsOf(of).map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))),
    );
    this.#events.replaceChildren(...listOf(of.events));
    if (!this.#details.hidden) return;
    this.#details.hidden = false;
    this.#picture.scrollLeft = this.#picture.scrollWidth; // its last moments are what one came for
    this.#events.scrollTop = 0;
  }

  #say(text: string, health: string): void {
    setText(this.#sentence, text);
    this.#sentence.dataset.health = health;
  }
}

function sentenceOf(of: Inspected): string {
  if (hasEnded(of)) return whyEnded(of);
  return `Open for ${duration(of.seconds)}; ${of.health}, ${of.liveness}; ` +
    `last sign of life ${milliseconds(of.idleMs)} ago.`;
}

function factsOf(of: Inspected): [string, string][] {
  const { wire, app } = of;
  const loss = wire.lossRatio === null ? NOTHING : `${(wire.lossRatio * 100).toFixed(1)} %`;
  const facts: [string, string][] = [
    ["Profile", of.profile],
    ["Key", of.key ?? NOTHING],
    ["Address", of.address || NOTHING],
    ["Since", moment(of.openedMs)],
    ["Round trip", milliseconds(of.rttMs)],
    ["Shortest", milliseconds(wire.minMs)],
    ["Jitter", milliseconds(of.jitterMs)],
    ["Pings lost", loss],
    ["App round trip", milliseconds(app.averageMs)],
    ["Messages in / out", `${whole(of.messagesIn)} / ${whole(of.messagesOut)}`],
  ];
  if (!hasEnded(of)) {
    return [...facts, ["Queue", `${whole(of.queuedMessages)} messages, ${bytes(of.queuedBytes)}`]];
  }
  return [
    ...facts,
    ["Ended", moment(of.closedMs)],
    ["Reason", of.reason],
    ["Cause", of.cause],
    ["Silent before", duration(of.silentSeconds)],
  ];
}
