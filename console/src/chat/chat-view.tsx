/** A conversation with any model. */
import { useEffect, useState } from "preact/hooks";
import { chosenModel, ModelChoice } from "../parts/model-choice";
import { Notice } from "../parts/notice";
import { catalogue } from "../server/catalogue";
import { useValue } from "../state";
import { Announcer } from "./announcer";
import { Command } from "./command";
import { Composer } from "./composer";
import { conversation, draft, model, send, startOver, stop } from "./conversation";
import { ParameterFields } from "./parameter-fields";
import { Turns } from "./turns";

const EXAMPLES = ["Get top 10 customers by revenue", "What can you do?"];

const WIDE = "(min-width: 60rem)";

export function ChatView() {
  const { problem: unlisted } = useValue(catalogue);
  const { turns, answering, problem } = useValue(conversation);
  const chosen = chosenModel(useValue(model), "chat");
  return (
    <div class="chat">
      <div class="pick">
        <ModelChoice capability="chat" value={chosen} onChoose={(id) => model.set(id)} />
      </div>
      <section class="conversation" aria-label="Conversation">
        {turns.length === 0 && <Beginning />}
        <Turns turns={turns} answering={answering} />
        <Announcer turns={turns} answering={answering} />
        <Notice refusal={problem ?? (turns.length === 0 ? unlisted : null)} />
        <Composer
          answering={answering}
          ready={chosen !== ""}
          onSend={(text) => void send(chosen, text)}
          onStop={stop}
        />
      </section>
      <aside aria-label="Settings of the conversation">
        <Wide summary="Parameters">
          <ParameterFields />
        </Wide>
        <Command model={chosen} />
        <button type="button" onClick={startOver} disabled={turns.length === 0}>
          Start over
        </button>
      </aside>
    </div>
  );
}

function Beginning() {
  return (
    <div class="beginning">
      <p>Ask the model something, for example:</p>
      <ul>
        {EXAMPLES.map((example) => (
          <li key={example}>
            <button type="button" class="quiet" onClick={() => takeUp(example)}>
              {example}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

function takeUp(example: string) {
  draft.set(example);
  document.getElementById("question")?.focus();
}

/** Open where there is room for it. */
function Wide({ summary, children }: { summary: string; children: preact.ComponentChildren }) {
  const [open, setOpen] = useState(() => matchMedia(WIDE).matches);
  useEffect(() => {
    const media = matchMedia(WIDE);
    const follow = () => setOpen(media.matches);
    media.addEventListener("change", follow);
    return () => media.removeEventListener("change", follow);
  }, []);
  return (
    <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{summary}</summary>
      {children}
    </details>
  );
}
