/** The button with which administrators unload an adapter, and the question before it does. */
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { useValue } from "../state";
import { unload, work } from "./administration";

interface Props {
  id: string;
  /** It is about to go, and this button with it. */
  onUnload: () => void;
}

/** It is asked first: the page does not know from where the adapter could be loaded again. */
export function UnloadAdapter({ id, onUnload }: Props) {
  const { running } = useValue(work.progress);
  const [asked, setAsked] = useState(false);
  const first = useRef<HTMLButtonElement>(null);
  const keep = useRef<HTMLButtonElement>(null);
  const kept = useRef(false);
  // Who presses a button with the keyboard goes on where it was.
  useLayoutEffect(() => {
    if (asked) keep.current?.focus();
    else if (kept.current) first.current?.focus();
  }, [asked]);
  if (!asked) {
    return (
      <button ref={first} type="button" class="quiet" disabled={running} onClick={() => setAsked(true)}>
        Unload<span class="hidden"> {id}</span>
      </button>
    );
  }
  const answer = (wanted: boolean) => {
    kept.current = !wanted;
    setAsked(false);
    if (!wanted) return;
    onUnload();
    void unload(id);
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset has a look of its own, and this is no form.
    <div
      class="question"
      role="group"
      aria-label={`Unload ${id}?`}
      onKeyDown={(event) => event.key === "Escape" && answer(false)}
    >
      <p>Nobody can ask for it then, until it is loaded again from where it lies.</p>
      <button type="button" class="quiet stop" disabled={running} onClick={() => answer(true)}>
        Unload<span class="hidden"> {id}</span>
      </button>
      <button ref={keep} type="button" class="quiet" onClick={() => answer(false)}>
        Keep<span class="hidden"> {id}</span>
      </button>
    </div>
  );
}
