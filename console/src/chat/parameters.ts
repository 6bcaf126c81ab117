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

export interface NumberField {
  name: Exclude<keyof Parameters, "system">;
  label: string;
  whole: boolean;
  least: number;
  most: number;
}

/** Beyond that, either way, a browser takes one whole number for another. */
const EXACT = Number.MAX_SAFE_INTEGER;

/** With the bounds that the server has for all models. Of those that a model or its settings have, the server tells. */
export const NUMBERS: readonly NumberField[] = [
  { name: "temperature", label: "Temperature", whole: false, least: 0, most: 2 },
  { name: "top_p", label: "Top p", whole: false, least: 0, most: 1 },
  { name: "max_tokens", label: "Max tokens", whole: true, least: 1, most: 2 ** 32 - 1 },
  { name: "seed", label: "Seed", whole: true, least: -EXACT, most: EXACT },
];

const isGiven = (written: Parameters, { name }: NumberField) => written[name].trim() !== "";

/** As they go into a request. */
export function sampling(written: Parameters): Record<string, number> {
  const given = NUMBERS.filter((field) => isGiven(written, field));
  return Object.fromEntries(given.map(({ name }) => [name, Number(written[name])]));
}

/** Why they cannot be sent as they are written, as a sentence. */
export function mistakeIn(written: Parameters): string | null {
  return NUMBERS.map((field) => mistakeOf(field, written)).find((mistake) => mistake !== null) ?? null;
}

/** The same of one field. */
export function mistakeOf(field: NumberField, written: Parameters): string | null {
  const { name, label, whole, least, most } = field;
  const number = Number(written[name]);
  if (!isGiven(written, field)) return null;
  if (!(whole ? Number.isInteger(number) : Number.isFinite(number))) {
    return `${label} must be a ${whole ? "whole number" : "number"}.`;
  }
  if (number < least) return `${label} must be at least ${least}.`;
  return number > most ? `${label} must be at most ${most}.` : null;
}
