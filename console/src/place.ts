/** Which view is shown: what stands behind # in the address. */
import { State } from "./state";

export const VIEWS = [
  { id: "chat", name: "Chat" },
  { id: "sql", name: "SQL" },
  { id: "scores", name: "Scores" },
  { id: "models", name: "Models" },
  { id: "traffic", name: "Traffic" },
  { id: "key", name: "Key" },
] as const;

export type View = (typeof VIEWS)[number];

function named(): View {
  const id = location.hash.slice(1);
  return VIEWS.find((view) => view.id === id) ?? VIEWS[0];
}

export const view = new State<View>(named());

addEventListener("hashchange", () => view.set(named()));
