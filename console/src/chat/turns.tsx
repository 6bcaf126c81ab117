/** What was said, in order. */
import { useEffect, useMemo, useRef } from "preact/hooks";
import { milliseconds, rate } from "../parts/figures";
import { blocksOf } from "./blocks";
import type { CallPart } from "./chunk";
import type { Conversation } from "./conversation";
import type { Figures } from "./pace";
import { NOTHING, saidNothing, type Turn } from "./turn";

const ENDS: Record<string, string> = {
  length: "cut off at the most tokens it may have",
  stopped: "stopped",
  content_filter: "cut off by a filter",
};

export function Turns({ turns, answering }: Pick<Conversation, "turns" | "answering">) {
  const end = useFollowed(turns);
  return (
    <div class="turns">
      {turns.map((turn, index) => (
        <Kept key={index} turn={turn} coming={answering && index === turns.length - 1} />
      ))}
      <div class="end" ref={end} />
    </div>
  );
}

/** Keeps the end in sight while it moves. Whoever has scrolled back to read is left in peace. */
function useFollowed(turns: Turn[]) {
  const end = useRef<HTMLDivElement>(null);
  const following = useRef(true);
  useEffect(() => {
    let before = scrollY;
    const look = () => {
      const inSight = (end.current?.getBoundingClientRect().top ?? 0) <= innerHeight;
      following.current = inSight || (following.current && scrollY >= before);
      before = scrollY;
    };
    addEventListener("scroll", look, { passive: true });
    return () => removeEventListener("scroll", look);
  }, []);
  useEffect(() => {
    following.current = true;
  }, [turns.length]);
  useEffect(() => {
    if (following.current && turns.length > 0) end.current?.scrollIntoView({ block: "nearest" });
  }, [turns]);
  return end;
}

interface Shown {
  turn: Turn;
  coming: boolean;
}

/** Drawn anew only where something was said: not all turns for each piece of the last. */
function Kept({ turn, coming }: Shown) {
  return useMemo(() => <Said turn={turn} coming={coming} />, [turn, coming]);
}

function Said({ turn, coming }: Shown) {
  const who = turn.role === "user" ? "You" : turn.model;
  return (
    <article class={`turn ${turn.role}`}>
      <h2>{who}</h2>
      {turn.thought && (
        <details class="thought">
          <summary>Reasoning</summary>
          <p class="said">
            <Long text={turn.thought} />
          </p>
        </details>
      )}
      <Words turn={turn} coming={coming} />
      {turn.calls?.map((call) => (
        <Call key={call.index} {...call} />
      ))}
      {turn.role === "assistant" && <Footnote turn={turn} />}
    </article>
  );
}

function Words({ turn, coming }: Shown) {
  // Calls of tools stand for themselves.
  if (!coming && turn.calls && !turn.text && !turn.refusal) return null;
  return (
    <p class="said">
      <Long text={turn.text} />
      {turn.refusal}
      {!coming && saidNothing(turn) && <span class="muted">{NOTHING}</span>}
      {coming && <span class="caret" aria-hidden="true" />}
    </p>
  );
}

function Call({ name, arguments: given }: CallPart) {
  return (
    <div class="call">
      <p class="said">
        It calls the tool <strong>{name}</strong> with:
      </p>
      <pre>
        <code>{given}</code>
      </pre>
    </div>
  );
}

function Long({ text }: { text: string }) {
  const blocks = blocksOf(text);
  return blocks.map((block, index) => (
    <span key={index} class={index < blocks.length - 1 ? "block" : undefined}>
      {block}
    </span>
  ));
}

function Footnote({ turn }: { turn: Turn }) {
  const end = turn.end && ENDS[turn.end];
  if (!turn.figures && !end) return null;
  return (
    <p class="figures">
      {turn.figures && <Speed {...turn.figures} />}
      {end && <span>{end}</span>}
    </p>
  );
}

function Speed({ firstToken, tokens, perSecond, exact }: Figures) {
  return (
    <>
      {firstToken !== null && <span>first token after {milliseconds(firstToken)}</span>}
      {perSecond !== null && <span>{rate(perSecond)} tokens/s</span>}
      <span>
        {exact ? "" : "about "}
        {tokens} {tokens === 1 ? "token" : "tokens"}
      </span>
    </>
  );
}
