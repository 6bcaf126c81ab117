/** Asking again and again, while somebody looks. */
import { useEffect } from "preact/hooks";

/** Calls `look` at once and then `pause` milliseconds after each time it has ended; not while the page is out of sight. */
export function usePoll(look: () => Promise<void>, pause: number) {
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    let left = false;
    const round = async () => {
      if (!document.hidden) await look();
      if (!left) timer = setTimeout(round, pause);
    };
    void round();
    return () => {
      left = true;
      clearTimeout(timer);
    };
  }, []);
}
