/** What is asked of a scorer, and what it says. */
import { askJson } from "../server/ask";
import { State } from "../state";
import { Task } from "../task";

export interface Scoring {
  /** `type/name`. */
  scorer: string;
  /** With commas between them. */
  models: string;
  prompt: string;
}

export interface Score {
  model: string;
  score: number;
}

/** The scorer that comes with the server, and the models that it has learned of. */
export const scoring = new State<Scoring>({
  scorer: "dense_network/example",
  models: "allround, author, coder, polyglot, solver",
  prompt: "",
});

/** The best first. */
export const scores = new Task<Score[]>();

export function namesIn(models: string): string[] {
  return models
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

export function askForScores({ scorer, models, prompt }: Scoring) {
  const body = { model: scorer.trim(), models_to_score: namesIn(models), prompts: [prompt] };
  return scores.run(async (signal) => {
    const answer = await askJson<{ scores: Record<string, number[]> }>("infer", { body, signal });
    const all = Object.entries(answer.scores).map(([model, [score]]) => ({ model, score: score ?? Number.NaN }));
    return all.sort((one, other) => other.score - one.score);
  });
}
