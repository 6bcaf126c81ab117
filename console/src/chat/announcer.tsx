/** Tells screen readers of an answer once it is complete, and not of every piece of it. */
import type { Conversation } from "./conversation";
import { NOTHING, saidNothing, type Turn, wordsOf } from "./turn";

export function Announcer({ turns, answering }: Pick<Conversation, "turns" | "answering">) {
  const last = turns.at(-1);
  const text = answering ? "An answer is being written." : last?.role === "assistant" ? heard(last) : "";
  return (
    <p class="hidden" role="status">
      {text}
    </p>
  );
}

function heard(turn: Turn): string {
  return saidNothing(turn) ? NOTHING : wordsOf(turn);
}
