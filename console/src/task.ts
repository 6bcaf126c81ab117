/** Something that a view has the server do, one at a time: whether it runs, what became of it, and a way to stop it. */
import { type Refusal, refusal } from "./server/refusal";
import { State } from "./state";

export interface Progress<T> {
  running: boolean;
  result: T | null;
  problem: Refusal | null;
}

/** It outlives the view that began it, so that one may look at another meanwhile. */
export class Task<T> {
  readonly progress = new State<Progress<T>>({ running: false, result: null, problem: null });
  #controller: AbortController | null = null;

  async run(work: (signal: AbortSignal) => Promise<T>) {
    this.stop();
    const controller = new AbortController();
    this.#controller = controller;
    this.progress.change((before) => ({ ...before, running: true, problem: null }));
    const outcome = await work(controller.signal).then(
      (result) => ({ result, problem: null }),
      (thrown) => ({ result: null, problem: controller.signal.aborted ? null : refusal(thrown) }),
    );
    if (this.#controller !== controller) return;
    this.#controller = null;
    this.progress.set({ running: false, ...outcome });
  }

  stop() {
    this.#controller?.abort();
  }

  forget() {
    this.stop();
    this.#controller = null;
    this.progress.set({ running: false, result: null, problem: null });
  }
}
