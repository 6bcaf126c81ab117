/** Prometheus' text format, as far as `/metrics` uses it. */

export interface Series {
  name: string;
  labels: Record<string, string>;
  value: number;
}

const LINE = /^(?<name>[^\s{#]+)(?:\{(?<labels>.*)\})?\s+(?<value>\S+)/;
const LABEL = /(?<label>[^=,\s]+)="(?<text>(?:[^"\\]|\\.)*)"/g;

export class Exposition {
  readonly #series: Series[];

  constructor(text: string) {
    this.#series = text.split("\n").flatMap((line) => {
      const groups = LINE.exec(line)?.groups;
      return groups
        ? [{ name: groups.name ?? "", labels: labelsOf(groups.labels ?? ""), value: Number(groups.value) }]
        : [];
    });
  }

  named(name: string): Series[] {
    return this.#series.filter((series) => series.name === name);
  }

  /** Over all series that have these labels. */
  sum(name: string, labels: Record<string, string> = {}): number {
    const wanted = Object.entries(labels);
    return this.named(name)
      .filter((series) => wanted.every(([label, text]) => series.labels[label] === text))
      .reduce((sum, { value }) => sum + value, 0);
  }
}

function labelsOf(text: string): Record<string, string> {
  const found = [...text.matchAll(LABEL)].map(({ groups }) => [groups?.label ?? "", unescaped(groups?.text ?? "")]);
  return Object.fromEntries(found);
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/g, (_, character: string) => (character === "n" ? "\n" : character));
}
