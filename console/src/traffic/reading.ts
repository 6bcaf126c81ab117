/** What `/metrics` says at one moment, as far as it is drawn. */
import type { Exposition } from "../server/exposition";

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
  prompted: number;
  running: number;
  waiting: number;
  /** The fullest cache, from 0 to 1. */
  cache: number;
  cacheQueries: number;
  cacheHits: number;
  firstTokens: number;
  firstTokenSeconds: number;
}

/** Routes that ask how the server is and what it has, as this page does: no model is asked, so they are no traffic. */
const WATCHING =
  /^\/($|api\/llms$|console\/|docs|health|info$|metrics$|openapi\.json$|redoc$|status$|swagger-ui$|v1\/(lora_adapters|models)$)/;

export function readingOf(metrics: Exposition, at: number): Reading {
  const requests = metrics.named("api_requests_total").filter(({ labels }) => !WATCHING.test(labels.route ?? ""));
  const statuses = (digit: string) => requests.filter(({ labels }) => labels.status?.startsWith(digit));
  const sum = (series: { value: number }[]) => series.reduce((sum, { value }) => sum + value, 0);
  return {
    at,
    requests: sum(requests),
    refused: sum(statuses("4")),
    failed: sum(statuses("5")),
    generated: tokens(metrics, "output", "vllm:generation_tokens_total"),
    prompted: tokens(metrics, "input", "vllm:prompt_tokens_total"),
    running: metrics.sum("vllm:num_requests_running"),
    waiting: metrics.sum("vllm:num_requests_waiting"),
    cache: Math.max(0, ...metrics.named("vllm:kv_cache_usage_perc").map(({ value }) => value)),
    cacheQueries: metrics.sum("vllm:prefix_cache_queries_total"),
    cacheHits: metrics.sum("vllm:prefix_cache_hits_total"),
    firstTokens: metrics.sum("gen_ai_server_time_to_first_token_seconds_count"),
    firstTokenSeconds: metrics.sum("gen_ai_server_time_to_first_token_seconds_sum"),
  };
}

/** Of models that run here, token by token; of those that run elsewhere, when an answer has ended. */
function tokens(metrics: Exposition, kind: string, counter: string): number {
  const models = new Set(metrics.named("gateway_upstream_usable").map(({ labels }) => labels.model ?? ""));
  const elsewhere = [...models].map((model) =>
    metrics.sum("gen_ai_client_token_usage_sum", { gen_ai_request_model: model, gen_ai_token_type: kind }),
  );
  return elsewhere.reduce((sum, value) => sum + value, metrics.sum(counter));
}

/** How fast a counter rose between two readings. One that has fallen is another server's, which began anew. */
export function rateOf(counter: keyof Reading, before: Reading, after: Reading): number {
  const seconds = (after.at - before.at) / 1000;
  return seconds > 0 ? Math.max(0, after[counter] - before[counter]) / seconds : 0;
}
