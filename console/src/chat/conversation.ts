/** What was said so far, and the answer that is being given. It goes on while other views are looked at. */
import { OncePerFrame } from "../frame";
import { key } from "../key";
import { Refusal, refusal } from "../server/refusal";
import { noteUsage } from "../server/standing";
import { State } from "../state";
import { answer, type ChatRequest, type Heard, type Message } from "./answer";
import { Pace } from "./pace";
import { mistakeIn, parameters, sampling } from "./parameters";
import { grown, type Turn, wordsOf } from "./turn";

export interface Conversation {
  turns: Turn[];
  answering: boolean;
  problem: Refusal | null;
}

const EMPTY: Conversation = { turns: [], answering: false, problem: null };

export const conversation = new State<Conversation>(EMPTY);

/** What is written and not sent. */
export const draft = new State("");

/** The model that was chosen; empty: the first that there is. */
export const model = new State("");

let running: AbortController | null = null;

export function stop() {
  running?.abort();
}

export function startOver() {
  stop();
  conversation.set(EMPTY);
}

// Whoever comes with another key does not go on with what was said with this one.
key.listen(startOver);

/** The request that this text would make, after what was said. */
export function requestOf(model: string, turns: Turn[], text: string): ChatRequest {
  const system: Message[] = parameters.value.system.trim()
    ? [{ role: "system", content: parameters.value.system }]
    : [];
  const all: Message[] = turns.map(({ role, text, refusal }) => ({ role, content: text || refusal || "" }));
  // An answer that was stopped before it began says nothing.
  const said = all.filter(({ content }) => content !== "");
  return {
    model,
    messages: [...system, ...said, { role: "user" as const, content: text }],
    ...sampling(parameters.value),
  };
}

export async function send(model: string, text: string) {
  const before = conversation.value.turns;
  const mistake = mistakeIn(parameters.value);
  if (mistake) {
    conversation.set({ turns: before, answering: false, problem: new Refusal(mistake, 0) });
    draft.set(text);
    return;
  }
  const request = requestOf(model, before, text);
  const begun: Turn = { role: "assistant", text: "", model };
  conversation.set({ turns: [...before, { role: "user", text }, begun], answering: true, problem: null });
  const controller = new AbortController();
  running = controller;
  const { turn, problem } = await hearOut(request, begun, controller);
  if (running !== controller) return;
  running = null;
  const refused = problem !== null && !turn.thought && wordsOf(turn) === "";
  conversation.change(({ turns }) => ({ turns: refused ? before : turns, answering: false, problem }));
  // A question that was refused goes back to who asked it, unless they have begun another.
  if (refused && draft.value === "") draft.set(text);
}

interface Outcome {
  turn: Turn;
  problem: Refusal | null;
}

/** The answer is heard as fast as it comes, and shown as often as the browser draws. */
async function hearOut(request: ChatRequest, begun: Turn, controller: AbortController): Promise<Outcome> {
  const { signal } = controller;
  const pace = new Pace(performance.now());
  let turn = begun;
  const shown = new OncePerFrame(() => showAnswer(turn, controller));
  let problem: Refusal | null = null;
  try {
    for await (const heard of answer(request, signal)) {
      // What has arrived but was not looked at is no part of an answer that was stopped.
      signal.throwIfAborted();
      turn = afterHearing(heard, turn, pace);
      shown.ask();
    }
    // Not all servers say why.
    turn = { end: "stop", ...turn };
  } catch (thrown) {
    if (signal.aborted) turn = { ...turn, end: "stopped" };
    else problem = refusal(thrown);
  }
  shown.now();
  return { turn, problem };
}

function afterHearing({ piece, at }: Heard, turn: Turn, pace: Pace): Turn {
  if ("finish" in piece) return grown(turn, piece);
  if ("usage" in piece) {
    noteUsage(piece.usage);
    return { ...turn, figures: pace.figures(piece.usage.completion_tokens) };
  }
  pace.heard(at);
  return { ...grown(turn, piece), figures: pace.figures(null) };
}

/** In the place of the last turn, unless another conversation has begun. */
function showAnswer(turn: Turn, controller: AbortController) {
  if (running !== controller) return;
  conversation.change(({ turns, ...rest }) => ({
    ...rest,
    turns: turns.length > 0 ? [...turns.slice(0, -1), turn] : [],
  }));
}
