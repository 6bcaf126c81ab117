/** What is known of each model beyond its name: how it is, and what it takes. */
import { status } from "../health";
import { askJson, askText } from "../server/ask";
import type { Model } from "../server/catalogue";
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
  /** From ids of models and adapters to why they do not answer, or not by their newest version. */
  reasons: Record<string, string>;
  metrics: Exposition | null;
}

export const facts = new State<Facts>({ origins: [], reasons: {}, metrics: null });

const IN_MEMORY = ["ready", "outdated", "loaded"];
/** Nothing is wrong with it: nobody has asked for it yet, or not for long. */
const IDLE = "idle";

/** With this status, too, the server says how each model is. */
const NOT_READY = 503;

/** What cannot be had now is left as it was. */
export async function readFacts() {
  const [info, ready, metrics] = await Promise.all([
    askJson<{ models: Origin[] }>("info", { open: true }).catch(() => null),
    askJson<{ reasons?: Record<string, string> }>("health/ready", { open: true, also: NOT_READY }).catch(() => null),
    askText("metrics").catch(() => null),
  ]);
  facts.change((before) => ({
    origins: info?.models ?? before.origins,
    reasons: ready ? (ready.reasons ?? {}) : before.reasons,
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

/** How many answer at once, how many are read when they are asked for, and how many are neither. */
export function summaryOf(states: string[]): string {
  const ready = states.filter((state) => IN_MEMORY.includes(state)).length;
  const idle = states.filter((state) => state === IDLE).length;
  const others = states.length - ready - idle;
  const parts = [`${ready} ready`, idle > 0 && `${idle} idle until asked for`, others > 0 && `${others} not ready`];
  return parts.filter(Boolean).join(", ");
}

export function isInMemory(model: Model): boolean {
  return IN_MEMORY.includes(stateOf(model));
}

/** In the server's words for models; empty where it says nothing. */
export function stateOf({ id, parent, size }: Model): string {
  const states = status.value?.models ?? {};
  return parent === null ? (states[id] ?? "") : adapterState(states[parent] ?? "", size, reasonOf(id));
}

/** The server does not say how adapters are: of one that never was in memory it knows no size. */
function adapterState(parent: string, size: number | null, reason: string | null): string {
  if (parent !== "ready" && parent !== "outdated") return parent;
  if (reason) return size === null ? "failed" : "outdated";
  return size === null ? IDLE : "loaded";
}

export function reasonOf(id: string): string | null {
  return Object.hasOwn(facts.value.reasons, id) ? (facts.value.reasons[id] ?? null) : null;
}
