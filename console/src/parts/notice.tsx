/** What went wrong, and what to do about it. */
import type { Refusal } from "../server/refusal";

export function Notice({ refusal }: { refusal: Refusal | null }) {
  // The region is there before there is anything in it, so that what comes into it is read out.
  return (
    <div role="alert">
      {refusal && (
        <p class="notice">
          {refusal.message} {refusal.advice} {refusal.isAboutKey && <a href="#key">Enter a key</a>}
        </p>
      )}
    </div>
  );
}
