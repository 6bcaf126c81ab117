/** Which model suits a prompt, as a scorer has learned it. */
import { Field } from "../parts/field";
import { Notice } from "../parts/notice";
import { RunButton } from "../parts/run-button";
import { useValue } from "../state";
import { Bars } from "./bars";
import { askForScores, namesIn, type Scoring, scores, scoring } from "./scoring";

export function ScoresView() {
  const { running, result, problem } = useValue(scores.progress);
  return (
    <div class="narrow">
      <ScoringForm running={running} />
      <Notice refusal={problem} />
      <div role="status">
        {result && (
          <section aria-labelledby="scores">
            <h2 id="scores">Scores</h2>
            <Bars scores={result} />
          </section>
        )}
      </div>
    </div>
  );
}

function ScoringForm({ running }: { running: boolean }) {
  const asked = useValue(scoring);
  const write = (part: Partial<Scoring>) => scoring.change((before) => ({ ...before, ...part }));
  const ready = asked.prompt !== "" && asked.scorer.trim() !== "" && namesIn(asked.models).length > 0;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void askForScores(asked);
      }}
    >
      <Field label="Prompt">
        <textarea
          rows={3}
          placeholder="Implement a hash table in Rust."
          value={asked.prompt}
          onInput={(event) => write({ prompt: event.currentTarget.value })}
        />
      </Field>
      <Field label="Scorer" hint="If there is none of that name, the server says which there are.">
        <input
          value={asked.scorer}
          spellcheck={false}
          onInput={(event) => write({ scorer: event.currentTarget.value })}
        />
      </Field>
      <Field label="Models to score" hint="With commas between them: names that the scorer has learned of.">
        <input
          value={asked.models}
          spellcheck={false}
          onInput={(event) => write({ models: event.currentTarget.value })}
        />
      </Field>
      <RunButton name="Score" running={running} ready={ready} onStop={() => scores.stop()} />
    </form>
  );
}
