/** Requests to the server that this page is from, and to no other. */
import { key } from "../key";
import { Refusal } from "./refusal";
import { noteStanding } from "./standing";

/** Milliseconds in which something small is answered. */
const SOON = 20_000;
/** The longest that a model may take for an answer in one piece. */
export const LONG = 600_000;

export interface Asking {
  /** Sent as JSON; without it the request is a GET. */
  body?: unknown;
  method?: "GET" | "POST";
  signal?: AbortSignal;
  /** Milliseconds, the answer's body included. */
  within?: number;
  /** Asked without the key: anybody is answered. */
  open?: boolean;
  /** A status beyond 2xx that is a good answer, too. */
  also?: number;
}

/** The answer, if it is a good one. Throws a `Refusal`, or an `AbortError` if the caller's signal says so. */
export async function ask(path: string, asking: Asking = {}): Promise<Response> {
  const { body, signal, within = SOON } = asking;
  const secret = asking.open ? "" : key.value;
  const headers = headersWith(secret);
  if (body !== undefined) headers.set("content-type", "application/json");
  const response = await said(
    fetch(new URL(path, document.baseURI), {
      method: asking.method ?? (body === undefined ? "GET" : "POST"),
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.any([AbortSignal.timeout(within), ...(signal ? [signal] : [])]),
      cache: "no-store",
      referrerPolicy: "no-referrer",
    }),
  );
  noteStanding(response.headers);
  if (!response.ok && response.status !== asking.also) throw await Refusal.of(response, secret !== "");
  return response;
}

function headersWith(secret: string): Headers {
  const headers = new Headers({ accept: "application/json, text/event-stream;q=0.9, */*;q=0.1" });
  if (!secret) return headers;
  try {
    headers.set("authorization", `Bearer ${secret}`);
  } catch {
    // It has characters that no header can carry: no server has given out such a key.
    throw Refusal.unknownKey();
  }
  return headers;
}

export async function askJson<T>(path: string, asking: Asking = {}): Promise<T> {
  const response = await ask(path, asking);
  return said(response.json() as Promise<T>);
}

export async function askText(path: string, asking: Asking = {}): Promise<string> {
  const response = await ask(path, asking);
  return said(response.text());
}

/** What a browser throws, as what it means. */
export async function said<T>(promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "";
    if (name === "AbortError") throw error;
    if (name === "TimeoutError") throw Refusal.tooLate();
    throw error instanceof SyntaxError
      ? new Refusal("the server answered with something that is no JSON", 0)
      : Refusal.unreachable();
  }
}
