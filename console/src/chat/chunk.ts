/** One event of a streamed chat completion. */
import { Refusal } from "../server/refusal";
import type { Usage } from "../server/standing";

/** A part of a request to call a tool: what belongs to the same call has the same index. */
export interface CallPart {
  index: number;
  name: string;
  arguments: string;
}

/** What an answer consists of, in this order. */
export type Piece =
  | { thought: string }
  | { text: string }
  | { refusal: string }
  | { call: CallPart }
  | { finish: string }
  | { usage: Usage };

/** Servers leave out what is empty, or write null for it. */
type Maybe<T> = T | null | undefined;

interface Delta {
  content?: Maybe<string>;
  refusal?: Maybe<string>;
  /** What a model says to itself first: vLLM's name for it, and the one it had before. */
  reasoning?: Maybe<string>;
  reasoning_content?: Maybe<string>;
  tool_calls?: Maybe<
    { index?: Maybe<number>; function?: Maybe<{ name?: Maybe<string>; arguments?: Maybe<string> }> }[]
  >;
}

export interface Chunk {
  choices?: Maybe<{ delta?: Maybe<Delta>; finish_reason?: Maybe<string> }[]>;
  usage?: Maybe<Usage>;
  error?: unknown;
}

/** Throws a `Refusal` of what is no chunk: a proxy between may have written it. */
export function chunkOf(data: string): Chunk {
  const written = parsed(data);
  if (!isChunk(written)) throw Refusal.nonsense();
  return written;
}

/** Undefined where it is no JSON. */
export function parsed(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return undefined;
  }
}

type Fields = Record<string, unknown>;

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isText = (value: unknown) => typeof value === "string";
const isNumber = (value: unknown) => typeof value === "number";

function isAbsentOr(is: (value: unknown) => boolean, value: unknown): boolean {
  return value === null || value === undefined || is(value);
}

function isListOf(is: (value: unknown) => boolean, value: unknown): boolean {
  return Array.isArray(value) && value.every(is);
}

function isChunk(value: unknown): value is Chunk {
  return (
    isFields(value) &&
    isAbsentOr((choices) => isListOf(isChoice, choices), value.choices) &&
    isAbsentOr(isUsage, value.usage)
  );
}

function isChoice(value: unknown): boolean {
  return isFields(value) && isAbsentOr(isDelta, value.delta) && isAbsentOr(isText, value.finish_reason);
}

function isDelta(value: unknown): boolean {
  if (!isFields(value)) return false;
  const { content, refusal, reasoning, reasoning_content, tool_calls } = value;
  const texts = [content, refusal, reasoning, reasoning_content];
  return texts.every((text) => isAbsentOr(isText, text)) && isAbsentOr((calls) => isListOf(isCall, calls), tool_calls);
}

function isCall(value: unknown): boolean {
  return isFields(value) && isAbsentOr(isNumber, value.index) && isAbsentOr(isCalled, value.function);
}

function isCalled(value: unknown): boolean {
  return isFields(value) && isAbsentOr(isText, value.name) && isAbsentOr(isText, value.arguments);
}

function isUsage(value: unknown): boolean {
  return isFields(value) && isNumber(value.prompt_tokens) && isNumber(value.completion_tokens);
}

export function* piecesOf({ choices, usage }: Chunk): Generator<Piece> {
  const choice = choices?.[0];
  if (choice?.delta) yield* saidIn(choice.delta);
  if (choice?.finish_reason) yield { finish: choice.finish_reason };
  if (usage) yield { usage };
}

function* saidIn({ content, refusal, reasoning, reasoning_content, tool_calls }: Delta): Generator<Piece> {
  const thought = reasoning || reasoning_content;
  if (thought) yield { thought };
  if (content) yield { text: content };
  if (refusal) yield { refusal };
  for (const { index, function: called } of tool_calls ?? []) {
    yield { call: { index: index ?? 0, name: called?.name ?? "", arguments: called?.arguments ?? "" } };
  }
}
