/** The key that was entered. It stays in this tab and is gone with it. */
import { State } from "./state";

const PLACE = "llm-inference-api.key";

function remembered(): string {
  try {
    return sessionStorage.getItem(PLACE) ?? "";
  } catch {
    // A browser may forbid pages to store anything.
    return "";
  }
}

export const key = new State(remembered());

export function enterKey(text: string) {
  try {
    if (text) sessionStorage.setItem(PLACE, text);
    else sessionStorage.removeItem(PLACE);
  } catch {
    // Then it is kept until the page is left.
  }
  key.set(text);
}
