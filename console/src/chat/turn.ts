/** One turn of a conversation, and how an answer grows. */
import type { CallPart, Piece } from "./chunk";
import type { Figures } from "./pace";

/** What is said, and no count of it. */
type Said = Exclude<Piece, { usage: unknown }>;

export interface Turn {
  role: "user" | "assistant";
  text: string;
  /** In the place of a text: that the model will not answer. */
  refusal?: string;
  /** The tools that the model wants to be called. This page has none. */
  calls?: CallPart[];
  /** What the model said to itself before it answered. */
  thought?: string;
  /** Of an answer: which model gives it. */
  model?: string;
  figures?: Figures | null;
  /** Why an answer ended: OpenAI's words, or `stopped` by whoever asked. Absent of one that broke off. */
  end?: string;
}

export const NOTHING = "The model answered with nothing.";

export function grown(turn: Turn, piece: Said): Turn {
  if ("text" in piece) return { ...turn, text: turn.text + piece.text };
  if ("refusal" in piece) return { ...turn, refusal: (turn.refusal ?? "") + piece.refusal };
  if ("call" in piece) return { ...turn, calls: called(turn.calls ?? [], piece.call) };
  if ("thought" in piece) return { ...turn, thought: (turn.thought ?? "") + piece.thought };
  return { ...turn, end: piece.finish };
}

function called(calls: CallPart[], part: CallPart): CallPart[] {
  const before = calls.find(({ index }) => index === part.index);
  if (!before) return [...calls, part];
  const whole = { ...before, name: before.name + part.name, arguments: before.arguments + part.arguments };
  return calls.map((call) => (call === before ? whole : call));
}

/** All that was said, as one reads it out. */
export function wordsOf({ text, refusal, calls = [] }: Turn): string {
  const wanted = calls.map((call) => `${call.name} ${call.arguments}`);
  return [text, refusal, ...wanted].filter(Boolean).join("\n");
}

/** The answer is complete, and there is none. */
export function saidNothing(turn: Turn): boolean {
  return turn.end !== undefined && turn.end !== "stopped" && wordsOf(turn) === "";
}
