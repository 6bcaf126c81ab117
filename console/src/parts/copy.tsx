/** Puts a text on the clipboard. */
import { useState } from "preact/hooks";

const SHOWN = 2000;

export function Copy({ text, what }: { text: string; what: string }) {
  const [outcome, setOutcome] = useState("");
  const copy = async () => {
    // Browsers give pages the clipboard over HTTPS and on this machine only.
    const copied = await navigator.clipboard?.writeText(text).then(
      () => true,
      () => false,
    );
    setOutcome(copied ? "Copied" : "The browser does not allow it here");
    setTimeout(() => setOutcome(""), SHOWN);
  };
  return (
    <span class="copy">
      <button type="button" class="quiet" onClick={() => void copy()}>
        Copy {what}
      </button>
      <span role="status">{outcome}</span>
    </span>
  );
}
