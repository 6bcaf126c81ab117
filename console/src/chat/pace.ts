/** How fast an answer comes. Times are milliseconds of one clock. */

export interface Figures {
  /** From the request to the first text. */
  firstToken: number;
  tokens: number;
  /** Of the tokens after the first; `null` where there was only one. */
  perSecond: number | null;
  /** The server said how many tokens; else pieces of text were counted. */
  exact: boolean;
}

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

  /** `null` while nothing was heard. */
  figures(counted: number | null): Figures | null {
    if (this.#first === null) return null;
    const tokens = counted ?? this.#pieces;
    const seconds = (this.#last - this.#first) / 1000;
    return {
      firstToken: this.#first - this.#asked,
      tokens,
      perSecond: tokens > 1 && seconds > 0 ? (tokens - 1) / seconds : null,
      exact: counted !== null,
    };
  }
}
