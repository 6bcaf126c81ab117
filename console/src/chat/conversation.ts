/** What was said so far, and the answer that is being given. It goes on while other views are looked at. */
import { key } from "../key";
import { type Refusal, refusal } from "../server/refusal";
import { noteUsage } from "../server/standing";
import { State } from "../state";
import { answer, type Message } from "./answer";
import { type Figures, Pace } from "./pace";
import { parameters, sampling } from "./parameters";

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
export function requestOf(model: string, turns: Turn[], text: string) {
  const system: Message[] = parameters.value.system.trim()
    ? [{ role: "system", content: parameters.value.system }]
    : [];
  // An answer that was stopped before it began says nothing.
  const said: Message[] = turns.filter(({ text }) => text !== "").map(({ role, text }) => ({ role, content: text }));
  return {
    model,
    messages: [...system, ...said, { role: "user" as const, content: text }],
    ...sampling(parameters.value),
  };
}

export async function send(model: string, text: string) {
  const before = conversation.value.turns;
  const request = requestOf(model, before, text);
  const turns: Turn[] = [...before, { role: "user", text }, { role: "assistant", text: "", model }];
  conversation.set({ turns, answering: true, problem: null });
  const controller = new AbortController();
  running = controller;
  const problem = await hearOut(request, controller).catch((thrown) => {
    if (!controller.signal.aborted) return refusal(thrown);
    changeAnswer(controller, () => ({ end: "stopped" }));
    return null;
  });
  if (running !== controller) return;
  running = null;
  const last = conversation.value.turns.at(-1);
  const refused = problem !== null && !last?.text && !last?.thought;
  conversation.change(({ turns }) => ({ turns: refused ? before : turns, answering: false, problem }));
  // A question that was refused goes back to who asked it, unless they have begun another.
  if (refused && draft.value === "") draft.set(text);
}

async function hearOut(request: ReturnType<typeof requestOf>, controller: AbortController): Promise<null> {
  const pace = new Pace(performance.now());
  for await (const heard of answer(request, controller.signal)) {
    if ("text" in heard) {
      pace.heard(performance.now());
      changeAnswer(controller, ({ text }) => ({ text: text + heard.text, figures: pace.figures(null) }));
    } else if ("thought" in heard) {
      pace.heard(performance.now());
      changeAnswer(controller, ({ thought = "" }) => ({
        thought: thought + heard.thought,
        figures: pace.figures(null),
      }));
    } else if ("finish" in heard) {
      changeAnswer(controller, () => ({ end: heard.finish }));
    } else {
      noteUsage(heard.usage);
      changeAnswer(controller, () => ({ figures: pace.figures(heard.usage.completion_tokens) }));
    }
  }
  return null;
}

/** Of the answer that is being given: the last turn, unless another conversation has begun. */
function changeAnswer(controller: AbortController, by: (turn: Turn) => Partial<Turn>) {
  if (running !== controller) return;
  conversation.change(({ turns, ...rest }) => {
    const last = turns.at(-1);
    return last ? { ...rest, turns: [...turns.slice(0, -1), { ...last, ...by(last) }] } : { turns, ...rest };
  });
}
