/** Drawing no more often than the browser does. */

/** Asks for a call before the next frame, and gives the way to take that back. */
export type NextFrame = (call: () => void) => () => void;

const browsers: NextFrame = (call) => {
  const id = requestAnimationFrame(call);
  return () => cancelAnimationFrame(id);
};

export class OncePerFrame {
  #takeBack: (() => void) | null = null;
  readonly #draw: () => void;
  readonly #next: NextFrame;

  constructor(draw: () => void, next: NextFrame = browsers) {
    this.#draw = draw;
    this.#next = next;
  }

  /** However often it is asked for until the next frame, it is drawn once. While the page is out of sight there is none. */
  ask() {
    this.#takeBack ??= this.#next(() => this.now());
  }

  /** What was asked for is drawn, too, and not again. */
  now() {
    this.#takeBack?.();
    this.#takeBack = null;
    this.#draw();
  }
}
