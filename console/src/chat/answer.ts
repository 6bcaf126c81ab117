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

/** A part of a request to call a tool: what belongs to the same call has the same index. */
export interface CallPart {
  index: number;
  name: string;
  arguments: string;
}

/** What an answer consists of, in this order. */
export type Piece =
  | { thought: string }
  | { text: string }
  | { refusal: string }
  | { call: CallPart }
  | { finish: string }
  | { usage: Usage };

export interface Heard {
  piece: Piece;
  /** When it arrived, in milliseconds of the browser's clock. */
  at: number;
}

/** Servers leave out what is empty, or write null for it. */
type Maybe<T> = T | null | undefined;

interface Delta {
  content?: Maybe<string>;
  refusal?: Maybe<string>;
  /** What a model says to itself first: vLLM's name for it, and the one it had before. */
  reasoning?: Maybe<string>;
  reasoning_content?: Maybe<string>;
  tool_calls?: Maybe<{ index?: number; function?: Maybe<{ name?: Maybe<string>; arguments?: Maybe<string> }> }[]>;
}

export interface Chunk {
  choices?: Maybe<{ delta?: Maybe<Delta>; finish_reason?: Maybe<string> }[]>;
  usage?: Maybe<Usage>;
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

export function* piecesOf({ choices, usage }: Chunk): Generator<Piece> {
  const choice = choices?.[0];
  if (choice?.delta) yield* saidIn(choice.delta);
  if (choice?.finish_reason) yield { finish: choice.finish_reason };
  if (usage) yield { usage };
}

function* saidIn({ content, refusal, reasoning, reasoning_content, tool_calls }: Delta): Generator<Piece> {
  const thought = reasoning || reasoning_content;
  if (thought) yield { thought };
  if (content) yield { text: content };
  if (refusal) yield { refusal };
  for (const { index = 0, function: called } of tool_calls ?? []) {
    yield { call: { index, name: called?.name ?? "", arguments: called?.arguments ?? "" } };
  }
}
