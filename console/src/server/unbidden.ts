/** What the page asks by itself. Nobody wants it so much that the server should have to refuse it again and again. */
import { key } from "../key";
import { askJson } from "./ask";
import { Refusal } from "./refusal";

/** Of the key that is entered now, or of none. */
let verdict: "unknown" | "admitted" | Refusal = "unknown";
/** That nobody is answered without a key. It outlives keys that are entered and forgotten. */
let needed: Refusal | null = null;
/** The one that goes ahead while nothing is known: what it is told holds for those beside it. */
let ahead: Promise<void> | null = null;

key.listen(() => {
  verdict = key.value === "" && needed ? needed : "unknown";
  ahead = null;
});

/** The server may be another one now. */
export function forgetVerdicts() {
  needed = null;
  verdict = "unknown";
}

/** The answer. Throws what the server has said to this key before, if that was 401, without asking it. */
export async function askUnbidden<T>(path: string): Promise<T> {
  while (verdict === "unknown" && ahead) await ahead;
  if (verdict instanceof Refusal) throw verdict;
  const asked = key.value;
  const answer = askJson<T>(path);
  const heard = answer.then(
    () => judge(asked, null),
    (thrown) => judge(asked, thrown),
  );
  if (verdict === "unknown") {
    ahead = heard;
    void heard.then(() => {
      if (ahead === heard) ahead = null;
    });
  }
  return answer;
}

function judge(asked: string, thrown: unknown) {
  const refused = thrown instanceof Refusal ? thrown : null;
  // Who was not reached has judged nothing.
  if (thrown !== null && !refused?.status) return;
  const refusal = refused?.status === 401 ? refused : null;
  if (asked === "") needed = refusal;
  if (asked === key.value) verdict = refusal ?? "admitted";
}
