/** A model with its adapters: how it is, what it takes, and what may be done with it. */
import { useRef } from "preact/hooks";
import { bytes, count } from "../parts/figures";
import { Share } from "../parts/share";
import type { Model } from "../server/catalogue";
import { useValue } from "../state";
import { reload, work } from "./administration";
import { facts, type Load, loadOf, reasonOf, stateOf } from "./facts";
import { UnloadAdapter } from "./unload-adapter";

/** The version of a model that runs elsewhere, whose server does not say. */
const UNKNOWN = "unknown";

interface Props {
  model: Model;
  adapters: Model[];
  administered: boolean;
}

export function ModelCard({ model, adapters, administered }: Props) {
  const { origins, metrics } = useValue(facts);
  const { running } = useValue(work.progress);
  const heading = useRef<HTMLHeadingElement>(null);
  const origin = origins.find(({ name }) => name === model.id);
  const state = stateOf(model);
  return (
    <article class="card" aria-label={model.id}>
      <header>
        <h2 ref={heading} tabIndex={-1}>
          {model.id}
        </h2>
        <HowItIs model={model} />
      </header>
      <Reason of={model.id} />
      <p class="figures">
        {model.description && <span>{model.description}</span>}
        {model.size !== null && <span>{bytes(model.size)} of weights</span>}
        {model.context !== null && <span>{count(model.context)} tokens of context</span>}
        {origin && origin.version !== UNKNOWN && <span>version {origin.version}</span>}
        {origin?.stage && <span>{origin.stage}</span>}
        {origin?.uri && <span>{origin.uri}</span>}
      </p>
      {state && metrics && <Busy {...loadOf(model.id, metrics)} />}
      {adapters.length > 0 && (
        <Adapters
          of={model.id}
          adapters={adapters}
          administered={administered}
          onUnload={() => heading.current?.focus()}
        />
      )}
      {administered && state && (
        <button type="button" class="quiet" disabled={running} onClick={() => void reload(model.id)}>
          Look for a newer version<span class="hidden"> of {model.id}</span>
        </button>
      )}
    </article>
  );
}

function HowItIs({ model }: { model: Model }) {
  const state = stateOf(model);
  return state === "" ? null : <span class={`state ${state}`}>{state}</span>;
}

/** Why it does not answer, where that is so. */
function Reason({ of }: { of: string }) {
  const reason = reasonOf(of);
  return reason === null ? null : <p class="reason">{reason}</p>;
}

function Busy({ running, waiting, cache }: Load) {
  return (
    <div class="gauge">
      <p>
        <span>
          {count(running)} running, {count(waiting)} waiting
        </span>
        {cache !== null && <span class="muted">KV cache {Math.round(cache * 100)} %</span>}
      </p>
      {cache !== null && <Share of={cache} label="KV cache in use" low={cache > 0.9} />}
    </div>
  );
}

interface AdaptersProps {
  of: string;
  adapters: Model[];
  administered: boolean;
  onUnload: () => void;
}

function Adapters({ of, adapters, administered, onUnload }: AdaptersProps) {
  return (
    <ul class="adapters" aria-label={`Adapters of ${of}`}>
      {adapters.map((adapter) => (
        <li key={adapter.id}>
          <div>
            <strong>{adapter.id}</strong>
            <p class="figures">
              <HowItIs model={adapter} />
              <span>{adapter.description}</span>
              {adapter.size !== null && <span>{bytes(adapter.size)}</span>}
            </p>
            <Reason of={adapter.id} />
          </div>
          {administered && <UnloadAdapter id={adapter.id} onUnload={onUnload} />}
        </li>
      ))}
    </ul>
  );
}
