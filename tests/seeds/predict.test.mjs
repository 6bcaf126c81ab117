// The examples for Node: what is posted, what comes back, and what an error carries.
import assert from "node:assert/strict";
import { test } from "node:test";

const baseUrl = process.env.LLM_TEST_BASE_URL ?? "http://localhost:8091";

async function generate(body) {
  const headers = { Authorization: "Bearer your-secret-api-key", "Content-Type": "application/json" };
  return fetch(`${baseUrl}/predict`, { method: "POST", headers, body: JSON.stringify(body) });
}

test("a text is generated", async () => {
  const answer = await generate({ prompt: "Write a haiku about programming:", max_length: 100, temperature: 0.7 });
  assert.equal(answer.status, 200);
  const { generated_text, tokens_generated } = await answer.json();
  assert.equal(typeof generated_text, "string");
  assert.ok(tokens_generated > 0 && tokens_generated <= 100);
});

test("an error has a body that says what was wrong", async () => {
  const answer = await generate({ max_length: 100 });
  assert.equal(answer.status, 400);
  assert.equal((await answer.json()).error, "validation_error");
});
