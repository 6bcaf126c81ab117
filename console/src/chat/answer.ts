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

/** What an answer consists of, in this order. */
export type Piece = { thought: string } | { text: string } | { finish: string } | { usage: Usage };

export interface Heard {
  piece: Piece;
  /** When it arrived, in milliseconds of the browser's clock. */
  at: number;
}

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
  for await (const { name, data, at } of events(response.body)) {
    if (data === "[DONE]") return;
    const chunk = JSON.parse(data) as Chunk;
    if (name === "error" || chunk.error) throw Refusal.within(chunk);
    for (const piece of piecesOf(chunk)) yield { piece, at };
  }
  // Only a complete answer says that it is done.
  throw Refusal.brokenOff();
}

function* piecesOf({ choices, usage }: Chunk): Generator<Piece> {
  const [choice] = choices;
  const thought = choice?.delta.reasoning || choice?.delta.reasoning_content;
  if (thought) yield { thought };
  if (choice?.delta.content) yield { text: choice.delta.content };
  if (choice?.finish_reason) yield { finish: choice.finish_reason };
  if (usage) yield { usage };
}
