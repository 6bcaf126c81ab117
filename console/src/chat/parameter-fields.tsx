/** The fields in which parameters are written. */
import { Field } from "../parts/field";
import { useValue } from "../state";
import { mistakeOf, NUMBERS, type Parameters, parameters } from "./parameters";

export function ParameterFields() {
  const written = useValue(parameters);
  const write = (name: keyof Parameters, text: string) => parameters.change((all) => ({ ...all, [name]: text }));
  return (
    <>
      <Field label="System prompt">
        <textarea rows={3} value={written.system} onInput={(event) => write("system", event.currentTarget.value)} />
      </Field>
      <div class="pair">
        {NUMBERS.map((field) => {
          const mistake = mistakeOf(field, written);
          return (
            <Field key={field.name} label={field.label} hint={mistake}>
              {/* A field for numbers keeps to itself what is none, and the request would go without it. */}
              <input
                inputMode={field.least < 0 ? "text" : "decimal"}
                autoComplete="off"
                placeholder="default"
                value={written[field.name]}
                aria-invalid={mistake !== null}
                onInput={(event) => write(field.name, event.currentTarget.value)}
              />
            </Field>
          );
        })}
      </div>
    </>
  );
}
