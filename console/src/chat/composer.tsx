/** Where the next question is written. */
import { useEffect, useRef } from "preact/hooks";
import { useValue } from "../state";
import { draft } from "./conversation";

interface Props {
  answering: boolean;
  ready: boolean;
  onSend: (text: string) => void;
  onStop: () => void;
}

export function Composer({ answering, ready, onSend, onStop }: Props) {
  const text = useValue(draft);
  const field = useRef<HTMLTextAreaElement>(null);
  // The field is as high as what is in it, within what the style allows.
  useEffect(() => {
    if (!field.current) return;
    field.current.style.height = "auto";
    field.current.style.height = `${field.current.scrollHeight + 2}px`;
  }, [text]);
  const send = () => {
    if (!ready || answering || text.trim() === "") return;
    draft.set("");
    onSend(text.trim());
    field.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    // While a word is being composed, Enter chooses it.
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      send();
    }
    if (event.key === "Escape" && answering) onStop();
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <label for="question" class="hidden">
        Your message
      </label>
      <textarea
        id="question"
        ref={field}
        rows={1}
        value={text}
        placeholder="Ask something"
        aria-describedby="question-keys"
        onInput={(event) => draft.set(event.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      {answering ? (
        <button type="button" class="stop" onClick={onStop}>
          Stop
        </button>
      ) : (
        <button type="submit" class="primary" disabled={!ready || text.trim() === ""}>
          Send
        </button>
      )}
      <p class="hint" id="question-keys">
        Enter sends, Shift and Enter begins a line, Escape stops an answer.
      </p>
    </form>
  );
}
