/** Numbers, as people read them. */

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export function count(number: number): string {
  return grouped.format(number);
}

/** With as many digits as tell something. */
export function rate(number: number): string {
  if (number >= 100) return grouped.format(number);
  return number === 0 ? "0" : number.toFixed(number >= 10 ? 1 : 2);
}

export function bytes(number: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  const power = number < 1024 ? 0 : Math.min(Math.floor(Math.log2(number) / 10), units.length - 1);
  const value = number / 1024 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}

export function milliseconds(number: number): string {
  return number < 1000 ? `${Math.round(number)} ms` : `${(number / 1000).toFixed(1)} s`;
}

/** Of seconds, with the two units that matter. */
export function duration(seconds: number): string {
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [Math.floor(seconds) % 60, "s"],
  ];
  const first = parts.findIndex(([number]) => number > 0);
  if (first < 0) return "0 s";
  const shown = parts.slice(first, first + 2).filter(([number]) => number > 0);
  return shown.map(([number, unit]) => `${number} ${unit}`).join(" ");
}
