/** Why there is no answer, as a sentence. */
import { duration } from "../parts/figures";

/** Anything else that is thrown is a bug of this page. */
export class Refusal extends Error {
  constructor(
    message: string,
    /** 0 where nothing was answered at all. */
    readonly status: number,
    /** What there is to do about it. */
    readonly advice: string | null = null,
  ) {
    super(sentence(message));
  }

  get isAboutKey(): boolean {
    return this.status === 401 || this.status === 403;
  }

  static unreachable(): Refusal {
    return new Refusal("the server cannot be reached", 0, "Is it running, and is this device online?");
  }

  static brokenOff(): Refusal {
    return new Refusal("the connection broke off before the answer was complete", 0, "What is there so far is kept.");
  }

  /** Of an answer that has begun. */
  static nonsense(): Refusal {
    return new Refusal(NONSENSE, 0, "What is there so far is kept.");
  }

  /** Of something in the place of an answer: a page to log in to, say. */
  static noAnswer(): Refusal {
    return new Refusal(NONSENSE, 0);
  }

  static tooLate(): Refusal {
    return new Refusal("the server took too long to answer", 0, "It may be busy: try again.");
  }

  static unknownKey(): Refusal {
    return new Refusal("the server does not accept the key that was entered", 401);
  }

  /** Of an event in the middle of a stream. */
  static within(body: unknown): Refusal {
    return new Refusal(messageOf(body) ?? "the answer ended in an error", 0);
  }

  /** Of an answer that is not 2xx. `keyed`: a key was sent along. */
  static async of(response: Response, keyed: boolean): Promise<Refusal> {
    // What the server says there is for programs.
    if (response.status === 401) return keyed ? Refusal.unknownKey() : new Refusal(NO_KEY, response.status);
    const body = await response.json().catch(() => null);
    const message = messageOf(body) ?? `the server answered ${response.status} ${response.statusText}`.trim();
    return new Refusal(message, response.status, saysHowLong(message) ? null : advice(response));
  }
}

const NONSENSE = "the server, or a proxy before it, sent something that makes no sense";
const NO_KEY = "this server asks for a key";

function advice(response: Response): string | null {
  switch (response.status) {
    case 403:
      return "Another key may be allowed to.";
    case 429:
    case 503: {
      const seconds = Number.parseInt(response.headers.get("retry-after") ?? "", 10);
      return Number.isNaN(seconds) ? null : `Try again in ${duration(seconds)}.`;
    }
    default:
      return null;
  }
}

/** Whether it tells of a wait: "try again in 3 s", "begins anew in 8h 46m". */
function saysHowLong(message: string): boolean {
  return /\b(?:try again in \d|(?:in|wait) \d+ ?(?:[dhms]|min|days?|hours?|minutes?|seconds?)\b)/i.test(message);
}

/** Of both shapes that the server has: OpenAI's, and its own. */
function messageOf(body: unknown): string | null {
  if (typeof body !== "object" || body === null) return null;
  if ("message" in body && typeof body.message === "string") return body.message;
  return "error" in body ? messageOf(body.error) : null;
}

function sentence(message: string): string {
  // The name of a field is left as it is.
  const begun = message.trim().replace(/^[a-z]+\b/, (word) => word.charAt(0).toUpperCase() + word.slice(1));
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

/** What to show of anything that was thrown. */
export function refusal(thrown: unknown): Refusal {
  if (thrown instanceof Refusal) return thrown;
  console.error(thrown);
  return new Refusal("this page made a mistake; the browser's console says which", 0, "Load it anew.");
}
