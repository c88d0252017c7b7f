/**
 * The client's position in the history of one channel: what to ask for after a reconnect, which
 * messages came before, and where some are missing. Pure: frames in, decisions out. Offsets are
 * consecutive from 1 within an epoch; a channel without history has neither, and no position.
 *
 * @module
 */

import type { Position, SubscribeOptions } from "./options.ts";
import type { ChannelFrame } from "./profile.ts";

/** A message's place among those that were received. */
export type Order =
  /** It follows them, or the channel has no history. */
  | "next"
  /** It follows them, and some before it are missing. */
  | "hole"
  /** It came before. */
  | "repeated";

/** The position in one channel, from its first subscribe frame on. */
export class ChannelPosition {
  /** The newest message that was received; undefined until an epoch is known. */
  current: Position | undefined;
  readonly #last: number;
  /** Whether a subscribe frame has no answer yet. */
  isPending = false;
  /** The `since` of that frame. */
  #since: Position | undefined;
  /** Whether a message has come before that answer, of a subscription that has ended since. */
  #isEarly = false;
  /** What the next connection has said of its place in the history. */
  #answer: ChannelFrame | undefined;
  /** The next message may have any offset up to this one: nothing promises those before it. */
  #freeTo = 0;
  /** The offset that ends the replay; undefined when there is none. */
  #replayTo: number | undefined;
  #replayed = 0;

  /** Starts where the user wants to. */
  constructor({ since, last = 0 }: SubscribeOptions) {
    this.current = since;
    this.#last = last;
  }

  /** What the next subscribe frame asks for. Called for each. @param isNext on the next connection */
  request(isNext = false): Pick<SubscribeOptions, "since" | "last"> {
    if (isNext) this.#answer = undefined;
    else this.isPending = true;
    this.#since = this.current;
    return { since: this.current, last: this.#last || undefined };
  }

  /** The answer to a subscribe frame. @returns whether messages may be missing */
  subscribed({ epoch, offset, recovered }: ChannelFrame): boolean {
    if (!this.isPending) return false; // the answer to a frame of the user's own
    this.isPending = false;
    const since = this.#since;
    const mayMiss = since !== undefined || this.#isEarly;
    this.#isEarly = false;
    const isHere = since !== undefined && since.epoch === epoch && since.offset <= offset!;
    if (recovered === true && isHere) {
      this.#replayTo = offset;
      return false;
    }
    this.#endReplay();
    if (epoch === undefined || offset === undefined) this.current = undefined;
    else {
      // The last messages follow, as many of them as the hub still has.
      const start = this.#last ? Math.max(0, offset - this.#last) : offset;
      this.current = { epoch, offset: isHere ? Math.max(start, this.current!.offset) : start };
      this.#freeTo = this.#last ? offset + 1 : 0;
    }
    return mayMiss;
  }

  /** The end of a subscription on the wire. One that was begun since is still to be answered. */
  unsubscribed(): boolean {
    this.isPending = true;
    return false;
  }

  /**
   * The hub reports a gap, or a new epoch: the channel goes on after the frame's position, or anywhere
   * if it has none.
   *
   * @returns that messages may be missing
   */
  gap({ epoch = this.current?.epoch, offset }: ChannelFrame): boolean {
    const isHere = epoch === this.current?.epoch;
    if (!isHere) this.#endReplay();
    this.#freeTo = offset === undefined ? Infinity : 0;
    if (epoch) {
      const before = isHere ? this.current!.offset : 0;
      this.current = { epoch, offset: Math.max(before, offset ?? 0) };
    }
    return true;
  }

  /** Counts a message as received, unless it is repeated. */
  receive(offset: number | undefined): Order {
    const { current } = this;
    this.#isEarly = this.isPending;
    if (!current || offset === undefined) return "next";
    if (offset <= current.offset) return "repeated";
    const isHole = offset > current.offset + 1 && offset > this.#freeTo;
    this.current = { epoch: current.epoch, offset };
    this.#freeTo = 0;
    if (this.#replayTo !== undefined && offset <= this.#replayTo) this.#replayed++;
    return isHole ? "hole" : "next";
  }

  /**
   * Takes a frame of the next connection.
   *
   * @returns whether it is the message that follows those that were received
   */
  isNext(frame: ChannelFrame): boolean {
    const { current } = this;
    const { type, offset } = frame;
    if (type === "gap" || (type === "subscribed" && !this.#answer)) this.#answer = frame;
    return type === "message" && current?.epoch === this.#answer?.epoch &&
      current?.offset === offset! - 1;
  }

  /** Whether all was received that the answer on that connection promises. @param mayLack none may come */
  isCaughtUp(mayLack: boolean): boolean {
    if (!this.#answer) return mayLack;
    return !this.#isContinued || !(this.current!.offset < this.#answer.offset!);
  }

  /** The next connection takes over. @returns whether messages may be missing; an answer to come tells it */
  takeOver(): boolean {
    const answer = this.#answer;
    this.#since ??= this.current;
    this.isPending = answer === undefined;
    return answer !== undefined && !this.#isContinued && this.gap(answer);
  }

  /** Whether that connection brings all that follows. */
  get #isContinued(): boolean {
    const { current } = this;
    const { recovered, epoch } = this.#answer ?? {};
    return recovered === true && current !== undefined && current.epoch === epoch;
  }

  /** How many messages were replayed; once, at the end of a replay. */
  recovered(): number | undefined {
    if (this.#replayTo === undefined || this.current!.offset < this.#replayTo) return;
    return this.#endReplay();
  }

  /** @returns how many messages it had */
  #endReplay(): number {
    const replayed = this.#replayed;
    this.#replayTo = undefined;
    this.#replayed = 0;
    return replayed;
  }
}
