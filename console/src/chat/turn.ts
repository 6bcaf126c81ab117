/** One turn of a conversation, and how an answer grows. */
import type { Piece } from "./answer";
import type { Figures } from "./pace";

/** What is said, and no count of it. */
type Said = Exclude<Piece, { usage: unknown }>;

export interface Turn {
  role: "user" | "assistant";
  text: string;
  /** What the model said to itself before it answered. */
  thought?: string;
  /** Of an answer: which model gives it. */
  model?: string;
  figures?: Figures | null;
  /** Why an answer ended: OpenAI's words, or `stopped` by whoever asked. */
  end?: string;
}

export function grown(turn: Turn, piece: Said): Turn {
  if ("text" in piece) return { ...turn, text: turn.text + piece.text };
  if ("thought" in piece) return { ...turn, thought: (turn.thought ?? "") + piece.thought };
  return { ...turn, end: piece.finish };
}
