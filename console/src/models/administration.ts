/** What administrators have done to models and adapters: one thing at a time. */
import { ask, askJson, LONG } from "../server/ask";
import { readCatalogue } from "../server/catalogue";
import { Task } from "../task";

/** What became of the latest, as a sentence. */
export const work = new Task<string>();

/** Of an id: it holds slashes, which belong to the path. */
const pathOf = (id: string) => id.split("/").map(encodeURIComponent).join("/");

export function reload(id: string) {
  return done(async (signal) => {
    const path = `v1/models/${pathOf(id)}/reload`;
    const { version, changed } = await askJson<{ version: string; changed: boolean }>(path, {
      method: "POST",
      signal,
      within: LONG,
    });
    return changed
      ? `${id} is now of version ${version}.`
      : `${id} is of the newest version that there is, ${version}.`;
  });
}

export function unload(id: string) {
  return done(async (signal) => {
    await ask("v1/unload_lora_adapter", { body: { lora_name: id }, signal });
    return `The adapter ${id} is unloaded. What it has begun, it ends.`;
  });
}

export interface Adapter {
  name: string;
  path: string;
  model: string;
  replace: boolean;
}

export function load({ name, path, model, replace }: Adapter) {
  return done(async (signal) => {
    const body = { lora_name: name, lora_path: path, base_model_name: model, load_inplace: replace };
    await ask("v1/load_lora_adapter", { body, signal, within: LONG });
    return `The adapter ${name} is loaded. It is asked by its name.`;
  });
}

function done(what: (signal: AbortSignal) => Promise<string>) {
  return work.run(async (signal) => {
    const said = await what(signal);
    await readCatalogue();
    return said;
  });
}
