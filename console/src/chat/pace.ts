/** How fast an answer comes. Times are milliseconds of one clock. */

export interface Figures {
  /** From the request to the first text; `null` where there was none. */
  firstToken: number | null;
  tokens: number;
  /** Of the tokens after the first; of all since the request, where they came at once. `null` where there was only one. */
  perSecond: number | null;
  /** The server said how many tokens; else pieces of text were counted. */
  exact: boolean;
}

/** Milliseconds within which a network delivers together what was sent apart: they say nothing of a pace. */
const AT_ONCE = 20;

export class Pace {
  #first: number | null = null;
  #last = 0;
  #pieces = 0;
  readonly #asked: number;

  constructor(now: number) {
    this.#asked = now;
  }

  heard(now: number) {
    this.#first ??= now;
    this.#last = now;
    this.#pieces += 1;
  }

  /** `null` while nothing was heard. A server may have counted tokens of which nothing was to be heard. */
  figures(counted: number | null): Figures | null {
    if (this.#first === null) {
      return counted === null ? null : { firstToken: null, tokens: counted, perSecond: null, exact: true };
    }
    const tokens = counted ?? this.#pieces;
    const perSecond = tokens > 1 ? this.#perSecond(tokens, this.#first) : null;
    return { firstToken: this.#first - this.#asked, tokens, perSecond, exact: counted !== null };
  }

  #perSecond(tokens: number, first: number): number | null {
    const since = this.#last - first;
    if (since >= AT_ONCE) return ((tokens - 1) / since) * 1000;
    const waited = this.#last - this.#asked;
    return waited > 0 ? (tokens / waited) * 1000 : null;
  }
}
