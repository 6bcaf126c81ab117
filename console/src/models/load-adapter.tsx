/** The form with which administrators load an adapter. */
import { useState } from "preact/hooks";
import { Field } from "../parts/field";
import type { Model } from "../server/catalogue";
import { useValue } from "../state";
import { type Adapter, load, work } from "./administration";

export function LoadAdapter({ models }: { models: Model[] }) {
  const { running } = useValue(work.progress);
  const [written, setWritten] = useState<Adapter>({ name: "", path: "", model: "", replace: false });
  const write = (part: Partial<Adapter>) => setWritten((before) => ({ ...before, ...part }));
  const adapter = {
    ...written,
    name: written.name.trim(),
    path: written.path.trim(),
    model: written.model || (models[0]?.id ?? ""),
  };
  return (
    <section class="narrow" aria-labelledby="load-adapter">
      <h2 id="load-adapter">Load an adapter</h2>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void load(adapter);
        }}
      >
        <div class="pair">
          <Field label="Name">
            <input
              value={written.name}
              spellcheck={false}
              onInput={(event) => write({ name: event.currentTarget.value })}
            />
          </Field>
          <Field label="For the model">
            <select value={adapter.model} onChange={(event) => write({ model: event.currentTarget.value })}>
              {models.map(({ id }) => (
                <option key={id} value={id}>
                  {id}
                </option>
              ))}
            </select>
          </Field>
        </div>
        <Field
          label="Directory"
          hint="Below the directory of adapters that the server was started with, as PEFT saves one."
        >
          <input
            value={written.path}
            spellcheck={false}
            onInput={(event) => write({ path: event.currentTarget.value })}
          />
        </Field>
        <div class="actions">
          <button type="submit" class="primary" disabled={running || !adapter.name || !adapter.path}>
            Load
          </button>
          <label class="check">
            <input
              type="checkbox"
              checked={written.replace}
              onChange={(event) => write({ replace: event.currentTarget.checked })}
            />
            In the place of one of the same name
          </label>
        </div>
      </form>
    </section>
  );
}
