/** The models that there are, and what each can do. */
import { key } from "../key";
import { State } from "../state";
import { type Refusal, refusal } from "./refusal";
import { askUnbidden } from "./unbidden";

export interface Model {
  id: string;
  /** The model that an adapter is for. */
  parent: string | null;
  /** Tokens of a prompt and its answer together, where that is known. */
  context: number | null;
  description: string;
  /** Bytes of its weights, where they are here. */
  size: number | null;
  /** Empty where the server does not say. */
  capabilities: string[];
}

export interface Catalogue {
  models: Model[];
  /** Not asked for yet. */
  pending: boolean;
  problem: Refusal | null;
}

interface Card {
  id: string;
  parent: string | null;
  max_model_len: number | null;
}

interface Offer {
  id: string;
  description: string;
  size: number;
  capabilities: string[];
}

export const catalogue = new State<Catalogue>({ models: [], pending: true, problem: null });

export async function readCatalogue() {
  const asked = key.value;
  const read = await models().then(
    (models) => ({ models, pending: false, problem: null }),
    (thrown) => ({ models: [], pending: false, problem: refusal(thrown) }),
  );
  // Another key has been entered meanwhile: its catalogue is on the way.
  if (asked === key.value) catalogue.set(read);
}

async function models(): Promise<Model[]> {
  const [list, offers] = await Promise.all([
    askUnbidden<{ data: Card[] }>("v1/models"),
    askUnbidden<Offer[]>("api/llms"),
  ]);
  return list.data.map(({ id, parent, max_model_len }) => {
    const offer = offers.find((offer) => offer.id === id);
    return {
      id,
      parent,
      context: max_model_len,
      description: offer?.description ?? "",
      size: offer?.size || null,
      capabilities: offer?.capabilities ?? [],
    };
  });
}

/** Those that can do it, and those of which nobody says what they can. */
export function able(models: Model[], capability: string): Model[] {
  return models.filter(({ capabilities }) => capabilities.length === 0 || capabilities.includes(capability));
}

key.listen(() => void readCatalogue());
