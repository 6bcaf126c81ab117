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
  let begun = false;
  for await (const { name, data, at } of events(response.body)) {
    begun = true;
    if (data === "[DONE]") return;
    if (name === "error") throw Refusal.within(parsed(data));
    const chunk = chunkOf(data);
    if (chunk.error) throw Refusal.within(chunk);
    for (const piece of piecesOf(chunk)) yield { piece, at };
  }
  // Only a complete answer says that it is done.
  throw begun || isStream(response) ? Refusal.brokenOff() : Refusal.noAnswer();
}

/** Asked of what held no event: what is one is heard under any name. */
function isStream(response: Response): boolean {
  return /^text\/event-stream\b/i.test(response.headers.get("content-type") ?? "");
}
