/** A line over time, or several. */
import { useId } from "preact/hooks";
import { duration } from "../parts/figures";

const WIDTH = 300;
const HEIGHT = 90;
/** Room above the highest point, so that its line is not cut. */
const MARGIN = 4;

export interface Line {
  name: string;
  /** The newest last. */
  values: number[];
}

interface Props {
  title: string;
  lines: Line[];
  /** Milliseconds of each value. */
  times: number[];
  /** Milliseconds from the left side to the right. */
  span: number;
  /** Milliseconds of them in which there was somebody to look. */
  watched: number;
  /** What the top stands for; absent: the highest value. */
  top?: number;
  show: (value: number) => string;
}

export function Chart({ title, lines, times, span, watched, top, show }: Props) {
  const id = useId();
  const highest = top ?? Math.max(...lines.flatMap(({ values }) => values), 0);
  const end = times.at(-1) ?? 0;
  const x = (time: number) => WIDTH - ((end - time) / span) * WIDTH;
  const y = (value: number) => HEIGHT - (highest > 0 ? value / highest : 0) * (HEIGHT - MARGIN);
  return (
    <figure class="chart" aria-labelledby={id}>
      <figcaption id={id}>
        {title}
        <p>
          {lines.map(({ name, values }) => (
            <span key={name}>
              <strong>{show(values.at(-1) ?? 0)}</strong> {name && <b>{name}</b>}
            </span>
          ))}
        </p>
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        <line class="ground" x1="0" x2={WIDTH} y1={HEIGHT} y2={HEIGHT} />
        {lines.map(({ name, values }, index) => (
          <polyline
            key={name}
            class={`line-${index + 1}`}
            points={values.map((value, at) => `${x(times[at] ?? end).toFixed(1)},${y(value).toFixed(1)}`).join(" ")}
          />
        ))}
      </svg>
      <p class="hint">
        {times.length > 0
          ? `highest ${show(Math.max(...lines.flatMap(({ values }) => values)))}, in ${duration(watched / 1000)}`
          : "looking…"}
      </p>
    </figure>
  );
}
