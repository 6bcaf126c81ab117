/** How an answer is to be chosen, as it is written into the fields. What is empty is the server's to decide. */
import { State } from "../state";

export interface Parameters {
  system: string;
  temperature: string;
  top_p: string;
  max_tokens: string;
  seed: string;
}

export const parameters = new State<Parameters>({ system: "", temperature: "", top_p: "", max_tokens: "", seed: "" });

const NUMBERS = ["temperature", "top_p", "max_tokens", "seed"] as const;

/** As they go into a request. The server judges whether they are in range. */
export function sampling({ system: _, ...written }: Parameters): Record<string, number> {
  const given = NUMBERS.filter((name) => written[name].trim() !== "");
  return Object.fromEntries(given.map((name) => [name, Number(written[name])]));
}
