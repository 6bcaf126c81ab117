/** The fields in which parameters are written. */
import { Field } from "../parts/field";
import { useValue } from "../state";
import { type Parameters, parameters } from "./parameters";

interface Numeric {
  name: Exclude<keyof Parameters, "system">;
  label: string;
  min: number;
  max?: number;
  step: number;
}

const NUMERIC: Numeric[] = [
  { name: "temperature", label: "Temperature", min: 0, max: 2, step: 0.1 },
  { name: "top_p", label: "Top p", min: 0, max: 1, step: 0.05 },
  { name: "max_tokens", label: "Max tokens", min: 1, step: 1 },
  { name: "seed", label: "Seed", min: 0, step: 1 },
];

export function ParameterFields() {
  const written = useValue(parameters);
  const write = (name: keyof Parameters, text: string) => parameters.change((all) => ({ ...all, [name]: text }));
  return (
    <>
      <Field label="System prompt">
        <textarea rows={3} value={written.system} onInput={(event) => write("system", event.currentTarget.value)} />
      </Field>
      <div class="pair">
        {NUMERIC.map(({ name, label, ...range }) => (
          <Field key={name} label={label}>
            <input
              type="number"
              inputMode="decimal"
              placeholder="default"
              value={written[name]}
              onInput={(event) => write(name, event.currentTarget.value)}
              {...range}
            />
          </Field>
        ))}
      </div>
    </>
  );
}
