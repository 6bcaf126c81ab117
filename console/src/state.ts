/** A value that others are told of when it changes. */
import { useLayoutEffect, useState } from "preact/hooks";

export class State<T> {
  #value: T;
  readonly #listeners = new Set<() => void>();

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }

  set(value: T) {
    this.#value = value;
    for (const listener of this.#listeners) listener();
  }

  change(by: (value: T) => T) {
    this.set(by(this.#value));
  }

  /** Gives the way to stop listening. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** The value, and a new picture of the component whenever it changes. */
export function useValue<T>(state: State<T>): T {
  const [, redraw] = useState({});
  const shown = state.value;
  useLayoutEffect(() => {
    // It may have changed since it was shown, before anybody listened.
    if (state.value !== shown) redraw({});
    return state.listen(() => redraw({}));
  }, [state]);
  return shown;
}
