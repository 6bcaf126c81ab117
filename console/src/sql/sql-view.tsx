/** A question in words, answered with SQL. */
import { Copy } from "../parts/copy";
import { Field } from "../parts/field";
import { count, milliseconds } from "../parts/figures";
import { chosenModel, ModelChoice } from "../parts/model-choice";
import { Notice } from "../parts/notice";
import { RunButton } from "../parts/run-button";
import { catalogue } from "../server/catalogue";
import { useValue } from "../state";
import { pieces } from "./highlight";
import { askForSql, DIALECTS, type Question, question, type Statement, statement, titleOf } from "./question";

export function SqlView() {
  const { running, result, problem } = useValue(statement.progress);
  const { problem: unlisted } = useValue(catalogue);
  return (
    <div class="narrow">
      <QuestionForm running={running} />
      <Notice refusal={problem ?? unlisted} />
      <div role="status">{running ? <p class="muted">Asking…</p> : result && <Answered {...result} />}</div>
    </div>
  );
}

function QuestionForm({ running }: { running: boolean }) {
  const asked = useValue(question);
  useValue(catalogue);
  const model = chosenModel(asked.model, "text2sql");
  const write = (part: Partial<Question>) => question.change((before) => ({ ...before, ...part }));
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void askForSql({ ...asked, model });
      }}
    >
      <Field label="Question">
        <textarea
          rows={2}
          placeholder="Show all users who registered in the last 30 days"
          value={asked.text}
          onInput={(event) => write({ text: event.currentTarget.value })}
        />
      </Field>
      <Field label="Schema" hint="CREATE TABLE statements; they go into the prompt. May be left out.">
        <textarea
          rows={4}
          class="code"
          spellcheck={false}
          placeholder="CREATE TABLE users (id INTEGER, name TEXT, registered_at DATE);"
          value={asked.schema}
          onInput={(event) => write({ schema: event.currentTarget.value })}
        />
      </Field>
      <div class="pair">
        <Field label="Dialect">
          <select value={asked.dialect} onChange={(event) => write({ dialect: event.currentTarget.value })}>
            {DIALECTS.map(([name, title]) => (
              <option key={name} value={name}>
                {title}
              </option>
            ))}
          </select>
        </Field>
        <ModelChoice capability="text2sql" value={model} onChoose={(id) => write({ model: id })} />
      </div>
      <div class="actions">
        <RunButton
          name="Ask for SQL"
          running={running}
          ready={asked.text.trim() !== "" && model !== ""}
          onStop={() => statement.stop()}
        />
        <label class="check">
          <input
            type="checkbox"
            checked={asked.strict}
            onChange={(event) => write({ strict: event.currentTarget.checked })}
          />
          Ask again until it parses
        </label>
      </div>
    </form>
  );
}

function Answered({ sql, model, valid, dialect, error, tokens, milliseconds: took }: Statement) {
  return (
    <section aria-labelledby="statement">
      <h2 id="statement">Statement</h2>
      <p class={valid ? "verdict good" : "verdict bad"}>
        {valid ? `Parses as ${titleOf(dialect)}.` : `Does not parse as ${titleOf(dialect)}: ${error}`}
      </p>
      <pre>
        <code>{pieces(sql).map(({ kind, text }) => (kind === "other" ? text : <span class={kind}>{text}</span>))}</code>
      </pre>
      <div class="actions">
        <Copy text={sql} what="SQL" />
        <p class="figures">
          <span>{model}</span>
          <span>{count(tokens)} tokens</span>
          <span>{milliseconds(took)}</span>
        </p>
      </div>
    </section>
  );
}
