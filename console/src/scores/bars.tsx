/** A bar for each score, from a common zero: scores may be negative. */
import type { Score } from "./scoring";

const DIGITS = 3;

export function Bars({ scores }: { scores: Score[] }) {
  const values = scores.map(({ score }) => score);
  const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
  const span = high - low || 1;
  const at = (value: number) => ((value - low) / span) * 100;
  return (
    <table class="bars">
      <thead>
        <tr>
          <th scope="col">
            <span class="hidden">Model</span>
          </th>
          <th scope="col">
            <span class="hidden">Score</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {scores.map(({ model, score }, place) => (
          <tr key={model} class={place === 0 ? "best" : undefined}>
            <th scope="row">{model}</th>
            <td>
              <div>
                <svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
                  <rect x={at(Math.min(0, score))} width={Math.abs(at(score) - at(0))} height="10" />
                  <line x1={at(0)} x2={at(0)} y1="0" y2="10" />
                </svg>
                <span>{score.toFixed(DIGITS)}</span>
              </div>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
