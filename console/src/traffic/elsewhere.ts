/** Models that run on other servers: how many tokens there were is known when an answer has ended, and not while it comes. */
import type { Exposition } from "../server/exposition";

export interface Elsewhere {
  model: string;
  running: number;
  /** Answers that have ended, and the seconds that each took for a token, added up. */
  answers: number;
  seconds: number;
}

export function elsewhereIn(metrics: Exposition): Elsewhere[] {
  const models = new Set(metrics.named("gateway_upstream_usable").map(({ labels }) => labels.model ?? ""));
  return [...models].map((model) => {
    const perToken = (part: string) =>
      metrics.sum(`gen_ai_server_time_per_output_token_seconds_${part}`, { gen_ai_request_model: model });
    const running = metrics.sum("vllm:num_requests_running", { model_name: model });
    return { model, running, answers: perToken("count"), seconds: perToken("sum") };
  });
}

/**
 * Tokens per second of the answers that come now, each at the mean pace of those that ended between these two looks, or else of
 * all. `null` where one comes and none has ended.
 */
export function estimatedRate(before: Elsewhere[], now: Elsewhere[]): number | null {
  const rates = now.filter(({ running }) => running > 0).map((model) => model.running / secondsPerToken(before, model));
  const sum = rates.reduce((sum, rate) => sum + rate, 0);
  return Number.isFinite(sum) ? sum : null;
}

function secondsPerToken(before: Elsewhere[], { model, answers, seconds }: Elsewhere): number {
  const past = before.find((other) => other.model === model);
  const [ended, took] = [answers - (past?.answers ?? 0), seconds - (past?.seconds ?? 0)];
  // Both have fallen where the server has begun anew.
  return ended > 0 && took > 0 ? took / ended : seconds / answers;
}
