/** How the server is, in two words. */
import { askJson } from "./server/ask";
import { catalogue, readCatalogue } from "./server/catalogue";
import { usePoll } from "./server/poll";
import { forgetVerdicts } from "./server/unbidden";
import { State, useValue } from "./state";

export interface Status {
  status: "healthy" | "degraded" | "unhealthy" | "out of reach";
  version: string;
  uptime_seconds: number;
  /** From ids to states. */
  models: Record<string, string>;
}

export const status = new State<Status | null>(null);

const PAUSE = 5000;

export async function readStatus() {
  const read = await askJson<Status>("status", { open: true }).catch(() => null);
  if (read) {
    const back = status.value?.status === "out of reach";
    if (back) forgetVerdicts();
    status.set(read);
    // What could not be listed while the server was away, or busy, can be now.
    const { problem } = catalogue.value;
    if (problem && (back || !problem.isAboutKey)) await readCatalogue();
    return;
  }
  status.change((known) => ({ version: "", uptime_seconds: 0, models: {}, ...known, status: "out of reach" }));
}

export function Health() {
  usePoll(readStatus, PAUSE);
  const known = useValue(status);
  if (!known) return null;
  return (
    <p class={`health ${known.status.replaceAll(" ", "-")}`}>
      {known.status} <span class="version">{known.version}</span>
    </p>
  );
}
