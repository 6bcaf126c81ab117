/** A part of a whole, as a bar. */

interface Props {
  /** From 0 to 1. */
  of: number;
  label: string;
  /** Worth a look. */
  low?: boolean;
}

export function Share({ of, label, low }: Props) {
  const percent = Math.round(Math.min(Math.max(of, 0), 1) * 100);
  return (
    <svg class={low ? "share low" : "share"} viewBox="0 0 100 4" preserveAspectRatio="none" role="img">
      <title>{`${label}: ${percent} %`}</title>
      <rect class="whole" width="100" height="4" />
      <rect class="part" width={percent} height="4" />
    </svg>
  );
}
