/** One of the models that can do something. */
import { able, catalogue } from "../server/catalogue";
import { useValue } from "../state";
import { Field } from "./field";

interface Props {
  capability: string;
  value: string;
  onChoose: (id: string) => void;
}

/** The one that was chosen, if it is still there, else the first. */
export function chosenModel(id: string, capability: string): string {
  const models = able(catalogue.value.models, capability);
  return (models.find((model) => model.id === id) ?? models[0])?.id ?? "";
}

export function ModelChoice({ capability, value, onChoose }: Props) {
  const { models, pending } = useValue(catalogue);
  const offered = able(models, capability);
  return (
    <Field label="Model">
      <select
        value={chosenModel(value, capability)}
        onChange={(event) => onChoose(event.currentTarget.value)}
        disabled={offered.length === 0}
      >
        {offered.length === 0 && <option value="">{pending ? "Loading…" : "None"}</option>}
        {offered.map(({ id, parent }) => (
          <option key={id} value={id}>
            {parent ? `${id} (adapter of ${parent})` : id}
          </option>
        ))}
      </select>
    </Field>
  );
}
