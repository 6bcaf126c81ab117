/** What the key that was entered may do. */
import { key } from "../key";
import { type Refusal, refusal } from "../server/refusal";
import { askUnbidden } from "../server/unbidden";
import { State } from "../state";

export type Role = "unknown" | "nobody" | "user" | "admin" | "open";

export interface Standing {
  role: Role;
  problem: Refusal | null;
}

export const role = new State<Standing>({ role: "unknown", problem: null });

/** A list that only administrators may see tells who is one; where no keys are kept, everybody is. */
const FOR_ADMINS = "v1/lora_adapters";

/** Asked once for each key: to all but administrators the list is refused. */
export async function readRole() {
  if (role.value.role === "user") return;
  const asked = key.value;
  const problem = await askUnbidden(FOR_ADMINS).then(() => null, refusal);
  if (asked === key.value) role.set(judged(problem, asked !== ""));
}

function judged(problem: Refusal | null, keyed: boolean): Standing {
  switch (problem?.status) {
    case undefined:
      return { role: keyed ? "admin" : "open", problem: null };
    case 401:
      return { role: "nobody", problem };
    case 403:
      return { role: "user", problem: null };
    default:
      return { role: "unknown", problem };
  }
}

export function mayAdminister({ role }: Standing): boolean {
  return role === "admin" || role === "open";
}

key.listen(() => {
  role.set({ role: "unknown", problem: null });
  void readRole();
});
