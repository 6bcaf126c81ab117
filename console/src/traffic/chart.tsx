/** A line over time, or several. */
import { useId } from "preact/hooks";
import { duration } from "../parts/figures";

const WIDTH = 300;
const HEIGHT = 90;
/** Room above the highest point, so that its line is not cut. */
const MARGIN = 4;

export interface Line {
  name: string;
  /** The newest last; `null` where it is not known. */
  values: (number | null)[];
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
  /** How to take it. */
  note?: string | undefined;
}

const UNKNOWN = "–";

export function Chart({ title, lines, times, span, watched, top, show, note }: Props) {
  const id = useId();
  const known = lines.flatMap(({ values }) => values).filter((value) => value !== null);
  const highest = top ?? Math.max(...known, 0);
  const end = times.at(-1) ?? 0;
  const x = (time: number) => WIDTH - ((end - time) / span) * WIDTH;
  const y = (value: number) => HEIGHT - (highest > 0 ? value / highest : 0) * (HEIGHT - MARGIN);
  const point = (time: number, value: number) => `${x(time).toFixed(1)},${y(value).toFixed(1)}`;
  const shown = (value: number | null | undefined) => (value === null ? UNKNOWN : show(value ?? 0));
  return (
    <figure class="chart" aria-labelledby={id}>
      <figcaption id={id}>
        {title}
        <p>
          {lines.map(({ name, values }) => (
            <span key={name}>
              <strong>{shown(values.at(-1))}</strong> {name && <b>{name}</b>}
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
            points={values.flatMap((value, at) => (value === null ? [] : point(times[at] ?? end, value))).join(" ")}
          />
        ))}
      </svg>
      <p class="hint">
        {times.length > 0
          ? `highest ${known.length > 0 ? show(Math.max(...known)) : UNKNOWN}, in ${duration(watched / 1000)}`
          : "looking…"}
      </p>
      {note && <p class="hint">{note}</p>}
    </figure>
  );
}
