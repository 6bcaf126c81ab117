/** Long work in short pieces, so that the browser draws and takes clicks in between. */

/** Milliseconds of work at a time: two of them fit into a frame. */
const AT_A_TIME = 8;

export class Breaks {
  #since = performance.now();

  /** Goes on at once until a break is due. */
  async ifDue() {
    if (performance.now() - this.#since < AT_A_TIME) return;
    await othersFirst();
    this.#since = performance.now();
  }
}

/** Timers would do, but they wait for a second each while the page is out of sight. */
function othersFirst(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
