// The official Node client against the server at LLM_TEST_BASE_URL.

import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";

const baseURL = `${process.env.LLM_TEST_BASE_URL ?? "http://localhost:8091"}/v1`;
const client = new OpenAI({ baseURL, apiKey: "not-needed", maxRetries: 0, timeout: 60_000 });
const model = (await client.models.list()).data[0].id;
const question = { model, messages: [{ role: "user", content: "Get top 10 customers by revenue" }], temperature: 0 };

test("a chat is answered", async () => {
  const answer = await client.chat.completions.create({ ...question, max_tokens: 64 });
  assert.equal(answer.object, "chat.completion");
  assert.equal(answer.choices[0].message.role, "assistant");
  assert.match(answer.choices[0].message.content, /SELECT/i);
  assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
});

test("a stream carries the same text, its reason to end and its usage", async () => {
  const whole = await client.chat.completions.create({ ...question, max_tokens: 64 });
  const stream = await client.chat.completions.create({
    ...question,
    max_tokens: 64,
    stream: true,
    stream_options: { include_usage: true },
  });
  let text = "";
  let reason = null;
  let usage = null;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta?.content ?? "";
    reason = chunk.choices[0]?.finish_reason ?? reason;
    usage = chunk.usage ?? usage;
  }
  assert.equal(text, whole.choices[0].message.content);
  assert.equal(reason, whole.choices[0].finish_reason);
  assert.deepEqual(usage.completion_tokens, whole.usage.completion_tokens);
});

test("the stream's own gathering of its chunks works", async () => {
  const final = await client.chat.completions.stream({ ...question, max_tokens: 64 }).finalChatCompletion();
  assert.match(final.choices[0].message.content, /SELECT/i);
});

test("an unknown model is not found, before any stream", async () => {
  const asked = client.chat.completions.create({ ...question, model: "no-such-model", stream: true });
  await assert.rejects(asked, (error) => error.status === 404 && error.code === "model_not_found");
});
