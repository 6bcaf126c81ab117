/** The models and adapters that there are, and what administrators may do with them. */
import { useEffect } from "preact/hooks";
import { mayAdminister, readRole, role } from "../account/role";
import { readStatus, status } from "../health";
import { bytes } from "../parts/figures";
import { Notice } from "../parts/notice";
import { catalogue, type Model, readCatalogue } from "../server/catalogue";
import { usePoll } from "../server/poll";
import { useValue } from "../state";
import { work } from "./administration";
import { facts, isInMemory, readFacts, stateOf, summaryOf } from "./facts";
import { LoadAdapter } from "./load-adapter";
import { ModelCard } from "./model-card";

const PAUSE = 3000;

export function ModelsView() {
  usePoll(readAll, PAUSE);
  useEffect(() => void readRole(), []);
  useValue(facts);
  useValue(status);
  const { models, pending, problem } = useValue(catalogue);
  const administered = mayAdminister(useValue(role));
  const { result, problem: failed } = useValue(work.progress);
  const whole = models.filter(({ parent }) => parent === null);
  return (
    <>
      <Summary models={models} />
      <Notice refusal={problem ?? failed} />
      <p role="status">{result}</p>
      {pending && <p class="muted">Loading…</p>}
      <ul class="cards">
        {whole.map((model) => (
          <li key={model.id}>
            <ModelCard
              model={model}
              adapters={models.filter(({ parent }) => parent === model.id)}
              administered={administered}
            />
          </li>
        ))}
      </ul>
      {administered && whole.length > 0 && <LoadAdapter models={whole} />}
    </>
  );
}

async function readAll() {
  await Promise.all([readCatalogue(), readFacts(), readStatus()]);
}

/** Of those that are in memory, what their weights take there. */
function Summary({ models }: { models: Model[] }) {
  const weights = models.filter(isInMemory).reduce((sum, { size }) => sum + (size ?? 0), 0);
  const gpu = facts.value.metrics?.sum("gpu_memory_usage_bytes") ?? 0;
  if (models.length === 0 || !status.value) return null;
  return (
    <p class="muted">
      {summaryOf(models.map(stateOf))}
      {weights > 0 && `, with ${bytes(weights)} of weights in memory`}
      {gpu > 0 && `, ${bytes(gpu)} of memory in use on GPUs`}.
    </p>
  );
}
