/** A streamed chat completion. */
import { ask, LONG } from "../server/ask";
import { events } from "../server/events";
import { Refusal } from "../server/refusal";
import { chunkOf, type Piece, parsed, piecesOf } from "./chunk";

export interface Message {
  role: "system" | "user" | "assistant";
  content: string;
}

export interface ChatRequest {
  model: string;
  messages: Message[];
  [parameter: string]: unknown;
}

export interface Heard {
  piece: Piece;
  /** When it arrived, in milliseconds of the browser's clock. */
  at: number;
}

export async function* answer(request: ChatRequest, signal: AbortSignal): AsyncGenerator<Heard> {
  const body = { ...request, stream: true, stream_options: { include_usage: true } };
  const response = await ask("v1/chat/completions", { body, signal, within: LONG });
  if (!response.body) throw Refusal.brokenOff();
  for await (const { name, data, at } of events(response.body)) {
    if (data === "[DONE]") return;
    if (name === "error") throw Refusal.within(parsed(data));
    const chunk = chunkOf(data);
    if (chunk.error) throw Refusal.within(chunk);
    for (const piece of piecesOf(chunk)) yield { piece, at };
  }
  // Only a complete answer says that it is done.
  throw Refusal.brokenOff();
}
