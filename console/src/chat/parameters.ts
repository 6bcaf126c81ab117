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

const WHOLE = [
  { name: "max_tokens", label: "Max tokens" },
  { name: "seed", label: "Seed" },
] as const;

/** As they go into a request. The server judges whether they are in range. */
export function sampling({ system: _, ...written }: Parameters): Record<string, number> {
  const given = NUMBERS.filter((name) => written[name].trim() !== "");
  return Object.fromEntries(given.map((name) => [name, Number(written[name])]));
}

/** Why they cannot be sent as they are written, as a sentence: the server would not see what was meant. */
export function mistakeIn(written: Parameters): string | null {
  for (const { name, label } of WHOLE) {
    const number = Number(written[name]);
    if (!Number.isInteger(number)) return `${label} must be a whole number.`;
    // Beyond that, a browser takes one number for another.
    if (!Number.isSafeInteger(number)) return `${label} must not go beyond ${Number.MAX_SAFE_INTEGER}.`;
  }
  return null;
}
