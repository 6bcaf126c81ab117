/** A streamed chat completion. */
import { ask, LONG } from "../server/ask";
import { events } from "../server/events";
import { Refusal } from "../server/refusal";
import type { Usage } from "../server/standing";

export interface Message {
  role: "system" | "user" | "assistant";
  content: string;
}

export interface ChatRequest {
  model: string;
  messages: Message[];
  [parameter: string]: unknown;
}

/** What is heard of an answer, in this order. */
export type Heard = { thought: string } | { text: string } | { finish: string } | { usage: Usage };

interface Delta {
  content?: string | null;
  /** What a model says to itself first: vLLM's name for it, and the one it had before. */
  reasoning?: string | null;
  reasoning_content?: string | null;
}

interface Chunk {
  choices: { delta: Delta; finish_reason: string | null }[];
  usage?: Usage | null;
  error?: unknown;
}

export async function* answer(request: ChatRequest, signal: AbortSignal): AsyncGenerator<Heard> {
  const body = { ...request, stream: true, stream_options: { include_usage: true } };
  const response = await ask("v1/chat/completions", { body, signal, within: LONG });
  if (!response.body) throw Refusal.brokenOff();
  for await (const { name, data } of events(response.body)) {
    if (data === "[DONE]") return;
    const chunk = JSON.parse(data) as Chunk;
    if (name === "error" || chunk.error) throw Refusal.within(chunk);
    yield* heardIn(chunk);
  }
  // Only a complete answer says that it is done.
  throw Refusal.brokenOff();
}

function* heardIn({ choices, usage }: Chunk): Generator<Heard> {
  const [choice] = choices;
  const thought = choice?.delta.reasoning || choice?.delta.reasoning_content;
  if (thought) yield { thought };
  if (choice?.delta.content) yield { text: choice.delta.content };
  if (choice?.finish_reason) yield { finish: choice.finish_reason };
  if (usage) yield { usage };
}
