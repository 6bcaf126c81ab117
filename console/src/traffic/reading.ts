/** What `/metrics` says at one moment, as far as it is drawn. */
import type { Exposition } from "../server/exposition";
import { type Elsewhere, elsewhereIn } from "./elsewhere";

/** Counters since the server was started, and gauges. */
export interface Reading {
  /** Milliseconds of the browser's clock. */
  at: number;
  requests: number;
  /** Of them, those that were answered with 4xx: the fault, if there is one, is with who asked. */
  refused: number;
  /** Of them, those that were answered with 5xx. */
  failed: number;
  generated: number;
  /** Of them, those of models that run here. */
  generatedHere: number;
  prompted: number;
  running: number;
  waiting: number;
  /** The fullest cache, from 0 to 1. */
  cache: number;
  cacheQueries: number;
  cacheHits: number;
  firstTokens: number;
  firstTokenSeconds: number;
  elsewhere: Elsewhere[];
  /** Whether any model runs here. */
  runsModels: boolean;
}

/** What is a number. */
export type Figure = Exclude<keyof Reading, "elsewhere" | "runsModels">;

const GENERATED = "vllm:generation_tokens_total";

/** Routes that ask how the server is and what it has, as this page does: no model is asked, so they are no traffic. */
const WATCHING =
  /^\/($|api\/llms$|console\/|docs|health|info$|metrics$|openapi\.json$|redoc$|status$|swagger-ui$|v1\/(lora_adapters|models)$)/;

export function readingOf(metrics: Exposition, at: number): Reading {
  const requests = metrics.named("api_requests_total").filter(({ labels }) => !WATCHING.test(labels.route ?? ""));
  const statuses = (digit: string) => requests.filter(({ labels }) => labels.status?.startsWith(digit));
  const sum = (series: { value: number }[]) => series.reduce((sum, { value }) => sum + value, 0);
  const elsewhere = elsewhereIn(metrics);
  return {
    at,
    requests: sum(requests),
    refused: sum(statuses("4")),
    failed: sum(statuses("5")),
    generated: tokens(metrics, elsewhere, "output", GENERATED),
    generatedHere: metrics.sum(GENERATED),
    prompted: tokens(metrics, elsewhere, "input", "vllm:prompt_tokens_total"),
    running: metrics.sum("vllm:num_requests_running"),
    waiting: metrics.sum("vllm:num_requests_waiting"),
    cache: Math.max(0, ...metrics.named("vllm:kv_cache_usage_perc").map(({ value }) => value)),
    cacheQueries: metrics.sum("vllm:prefix_cache_queries_total"),
    cacheHits: metrics.sum("vllm:prefix_cache_hits_total"),
    firstTokens: metrics.sum("gen_ai_server_time_to_first_token_seconds_count"),
    firstTokenSeconds: metrics.sum("gen_ai_server_time_to_first_token_seconds_sum"),
    elsewhere,
    runsModels: metrics.named("model_loaded").length > elsewhere.length,
  };
}

/** Of models that run here, token by token; of those that run elsewhere, when an answer has ended. */
function tokens(metrics: Exposition, elsewhere: Elsewhere[], kind: string, counter: string): number {
  const ended = elsewhere.map(({ model }) =>
    metrics.sum("gen_ai_client_token_usage_sum", { gen_ai_request_model: model, gen_ai_token_type: kind }),
  );
  return ended.reduce((sum, value) => sum + value, metrics.sum(counter));
}

/** How fast a counter rose between two readings. One that has fallen is another server's, which began anew. */
export function rateOf(counter: Figure, before: Reading, after: Reading): number {
  const seconds = (after.at - before.at) / 1000;
  return seconds > 0 ? Math.max(0, after[counter] - before[counter]) / seconds : 0;
}
