/** The key that was entered, and what is left of its quotas. */
import { useEffect, useState } from "preact/hooks";
import { enterKey, key } from "../key";
import { Field } from "../parts/field";
import { count } from "../parts/figures";
import { Notice } from "../parts/notice";
import { Share } from "../parts/share";
import { type Gauge, spent, standing } from "../server/standing";
import { useValue } from "../state";
import { type Role, readRole, role } from "./role";

const MEANINGS: Record<Role, string> = {
  unknown: "",
  nobody: "",
  open: "Nobody has to enter a key, or any will do.",
  user: "This key may ask models.",
  admin: "This key may ask models and administer them.",
};

export function AccountView() {
  const { role: known, problem } = useValue(role);
  const entered = useValue(key);
  useEffect(() => void readRole(), []);
  return (
    <div class="narrow">
      <KeyForm entered={entered} />
      <p role="status">{MEANINGS[known]}</p>
      <Notice refusal={problem} />
      <Quotas />
      <Spending />
    </div>
  );
}

function KeyForm({ entered }: { entered: string }) {
  const [text, setText] = useState("");
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        enterKey(text.trim());
        setText("");
      }}
    >
      <Field
        label={entered ? "Another API key" : "API key"}
        hint="It is kept in this tab, sent to this server alone, and forgotten when the tab is closed."
      >
        <input
          type="password"
          autoComplete="off"
          spellcheck={false}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </Field>
      <p class="actions">
        <button type="submit" class="primary" disabled={text.trim() === ""}>
          Use this key
        </button>
        <button type="button" disabled={!entered} onClick={() => enterKey("")}>
          Forget it
        </button>
        {entered && <span class="muted">The key in use ends with {entered.slice(-4)}.</span>}
      </p>
    </form>
  );
}

function Quotas() {
  const { requests, tokens } = useValue(standing);
  return (
    <section aria-labelledby="quotas">
      <h2 id="quotas">What is left</h2>
      {tokens && <Left what="tokens" gauge={tokens} />}
      {requests && <Left what="requests" gauge={requests} />}
      {!tokens && !requests && (
        <p class="muted">
          The server says it with every answer of a model, if the key has a quota. There was none yet in this tab.
        </p>
      )}
    </section>
  );
}

function Left({ what, gauge: { limit, remaining, reset } }: { what: string; gauge: Gauge }) {
  const share = limit > 0 ? remaining / limit : 0;
  return (
    <div class="gauge">
      <p>
        {count(remaining)} of {count(limit)} {what} <span class="muted">anew in {reset}</span>
      </p>
      <Share of={share} label={`${what} left`} low={share < 0.1} />
    </div>
  );
}

function Spending() {
  const { answers, promptTokens, completionTokens } = useValue(spent);
  return (
    <section aria-labelledby="spent">
      <h2 id="spent">Used in this tab</h2>
      <dl class="pairs">
        <dt>Answers</dt>
        <dd>{count(answers)}</dd>
        <dt>Tokens of prompts</dt>
        <dd>{count(promptTokens)}</dd>
        <dt>Tokens of answers</dt>
        <dd>{count(completionTokens)}</dd>
      </dl>
    </section>
  );
}
