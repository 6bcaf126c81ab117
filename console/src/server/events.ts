/** Server-sent events, as the HTML standard defines them. */
import { Breaks } from "../breaks";
import { said } from "./ask";

export interface ServerEvent {
  /** `message` if it has no name. */
  name: string;
  data: string;
  /** When its end arrived, in milliseconds of the browser's clock; it may be looked at much later. */
  at: number;
}

/** Pieces of a body that are taken in before anybody looks at them. */
const AHEAD = 256;

/** The events of a body, as they come. An event that the end cuts off is none. */
export async function* events(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const text = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>);
  const reader = text.pipeThrough(arrivals()).getReader();
  const breaks = new Breaks();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await said(reader.read());
      if (done) return;
      const blocks = (rest + value.text).replaceAll("\r\n", "\n").split("\n\n");
      rest = blocks.pop() ?? "";
      for (const block of blocks) {
        const event = eventOf(block);
        if (event) yield { ...event, at: value.at };
        await breaks.ifDue();
      }
    }
  } finally {
    // Whoever stops listening ends the answer.
    await reader.cancel().catch(() => undefined);
  }
}

/** Says of each piece when it came, and takes in the next ones meanwhile: what is done with one makes none look late. */
function arrivals() {
  return new TransformStream<string, { text: string; at: number }>(
    { transform: (text, controller) => controller.enqueue({ text, at: performance.now() }) },
    undefined,
    { highWaterMark: AHEAD },
  );
}

/** `null` for comments, which keep a silent connection open. */
function eventOf(block: string): Omit<ServerEvent, "at"> | null {
  let name = "message";
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    const [field, value] = colon < 0 ? [line, ""] : [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, "")];
    if (field === "event") name = value;
    if (field === "data") data.push(value);
  }
  return data.length > 0 ? { name, data: data.join("\n") } : null;
}
