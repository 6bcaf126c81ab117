/** Sends a form, or stops what it began. */

interface Props {
  name: string;
  running: boolean;
  ready: boolean;
  onStop: () => void;
}

export function RunButton({ name, running, ready, onStop }: Props) {
  return running ? (
    <button type="button" class="stop" onClick={onStop}>
      Stop
    </button>
  ) : (
    <button type="submit" class="primary" disabled={!ready}>
      {name}
    </button>
  );
}
