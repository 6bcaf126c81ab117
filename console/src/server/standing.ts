/** What is left of the key's quotas, as the latest metered answer said; and what this tab has used of them. */
import { key } from "../key";
import { State } from "../state";

export interface Gauge {
  limit: number;
  remaining: number;
  /** Until it begins anew, as the server writes it: 1h2m3s. */
  reset: string;
}

export interface Standing {
  requests: Gauge | null;
  tokens: Gauge | null;
}

export interface Spent {
  answers: number;
  promptTokens: number;
  completionTokens: number;
}

const NOTHING: Spent = { answers: 0, promptTokens: 0, completionTokens: 0 };

export const standing = new State<Standing>({ requests: null, tokens: null });
export const spent = new State<Spent>(NOTHING);

key.listen(() => {
  standing.set({ requests: null, tokens: null });
  spent.set(NOTHING);
});

function gauge(headers: Headers, of: string): Gauge | null {
  const limit = headers.get(`x-ratelimit-limit-${of}`);
  const remaining = headers.get(`x-ratelimit-remaining-${of}`);
  if (limit === null || remaining === null) return null;
  return { limit: Number(limit), remaining: Number(remaining), reset: headers.get(`x-ratelimit-reset-${of}`) ?? "" };
}

export function noteStanding(headers: Headers) {
  const [requests, tokens] = [gauge(headers, "requests"), gauge(headers, "tokens")];
  if (requests || tokens) standing.set({ requests, tokens });
}

export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
}

export function noteUsage(usage: Usage) {
  spent.change(({ answers, promptTokens, completionTokens }) => ({
    answers: answers + 1,
    promptTokens: promptTokens + usage.prompt_tokens,
    completionTokens: completionTokens + usage.completion_tokens,
  }));
}
