/** What is known of each model beyond its name: how it is, and what it takes. */
import { status } from "../health";
import { askJson, askText } from "../server/ask";
import { Exposition } from "../server/exposition";
import { State } from "../state";

/** Where a model comes from, as `/info` says it. */
export interface Origin {
  name: string;
  version: string;
  stage: string | null;
  uri: string | null;
}

export interface Load {
  running: number;
  waiting: number;
  /** From 0 to 1; `null` of a model that runs elsewhere. */
  cache: number | null;
}

export interface Facts {
  origins: Origin[];
  metrics: Exposition | null;
}

export const facts = new State<Facts>({ origins: [], metrics: null });

/** What cannot be had now is left as it was. */
export async function readFacts() {
  const [info, metrics] = await Promise.all([
    askJson<{ models: Origin[] }>("info").catch(() => null),
    askText("metrics").catch(() => null),
  ]);
  facts.change((before) => ({
    origins: info?.models ?? before.origins,
    metrics: metrics === null ? before.metrics : new Exposition(metrics),
  }));
}

export function loadOf(id: string, metrics: Exposition): Load {
  const labels = { model_name: id };
  const elsewhere = metrics.named("gateway_upstream_usable").some((series) => series.labels.model === id);
  return {
    running: metrics.sum("vllm:num_requests_running", labels),
    waiting: metrics.sum("vllm:num_requests_waiting", labels),
    cache: elsewhere ? null : metrics.sum("vllm:kv_cache_usage_perc", labels),
  };
}

/** An adapter that is listed is there; of a model the server says more. */
export function stateOf(id: string, parent: string | null): string {
  return status.value?.models[id] ?? (parent ? "loaded" : "");
}
