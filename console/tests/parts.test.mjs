// The parts of the console that need no page. `npm test` bundles this file with what it names, since Node reads no TypeScript.
import assert from "node:assert/strict";
import { test } from "node:test";
import { blocksOf } from "../src/chat/blocks.ts";
import { chunkOf, piecesOf } from "../src/chat/chunk.ts";
import { Pace } from "../src/chat/pace.ts";
import { mistakeIn } from "../src/chat/parameters.ts";
import { grown, saidNothing, wordsOf } from "../src/chat/turn.ts";
import { OncePerFrame } from "../src/frame.ts";
import { summaryOf } from "../src/models/facts.ts";
import { bytes, duration, rate } from "../src/parts/figures.ts";
import { events } from "../src/server/events.ts";
import { Exposition } from "../src/server/exposition.ts";
import { Refusal } from "../src/server/refusal.ts";
import { pieces, unfenced } from "../src/sql/highlight.ts";
import { estimatedRate } from "../src/traffic/elsewhere.ts";
import { rateOf, readingOf } from "../src/traffic/reading.ts";

function bodyOf(parts) {
  return new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(part);
      controller.close();
    },
  });
}

async function heard(parts) {
  const all = [];
  for await (const { name, data } of events(bodyOf(parts))) all.push({ name, data });
  return all;
}

test("a stream split anywhere has the same events", async () => {
  const stream = new TextEncoder().encode(
    'data: {"a": "東京"}\r\n\r\n: ping\n\nevent: error\ndata: one\ndata: two\n\ndata:[DONE]\n\ndata: cut',
  );
  const whole = [
    { name: "message", data: '{"a": "東京"}' },
    { name: "error", data: "one\ntwo" },
    { name: "message", data: "[DONE]" },
  ];
  for (let at = 0; at <= stream.length; at += 1) {
    assert.deepEqual(await heard([stream.slice(0, at), stream.slice(at)]), whole, `split at ${at}`);
  }
  assert.deepEqual(await heard([...stream].map((byte) => Uint8Array.of(byte))), whole);
});

test("others have their turn while a long body is read", async () => {
  const long = new TextEncoder().encode("data: {}\n\n".repeat(200_000));
  let [others, read] = [0, 0];
  const timer = setInterval(() => {
    others += 1;
  });
  for await (const _ of events(bodyOf([long]))) read += 1;
  clearInterval(timer);
  assert.equal(read, 200_000);
  assert.ok(others > 0);
});

test("events bear the time at which they came, however late they are looked at", async () => {
  const stream = events(bodyOf([new TextEncoder().encode("data: 1\n\n"), new TextEncoder().encode("data: 2\n\n")]));
  const first = await stream.next();
  await new Promise((resolve) => setTimeout(resolve, 20));
  const looked = performance.now();
  const second = await stream.next();
  assert.ok(first.value.at <= second.value.at && second.value.at < looked);
});

test("what is asked for often is drawn once a frame", () => {
  let [drawn, frames] = [0, []];
  const draw = () => {
    drawn += 1;
  };
  const next = (call) => {
    frames.push(call);
    return () => {
      frames = frames.filter((other) => other !== call);
    };
  };
  const once = new OncePerFrame(draw, next);
  for (let time = 0; time < 100; time += 1) once.ask();
  assert.equal(drawn, 0);
  for (const call of [...frames]) call();
  assert.equal(drawn, 1);
  once.ask();
  once.now();
  assert.deepEqual([drawn, frames.length], [2, 0]);
});

test("a text in blocks is the same text, and what is added to it changes the last alone", () => {
  const text = "A line of some length.\n".repeat(2000);
  const whole = blocksOf(text);
  assert.ok(whole.length > 5);
  for (let end = 0; end <= text.length; end += 997) {
    const blocks = blocksOf(text.slice(0, end));
    assert.equal(blocks.join(""), text.slice(0, end));
    assert.deepEqual(blocks.slice(0, -1), whole.slice(0, blocks.length - 1));
  }
});

test("chunks may leave out what is empty", () => {
  const pieces = (chunk) => [...piecesOf(chunkOf(JSON.stringify(chunk)))];
  assert.deepEqual(pieces({ choices: null }), []);
  assert.deepEqual(pieces({}), []);
  assert.deepEqual(pieces({ choices: [{ index: 0, finish_reason: null }] }), []);
  assert.deepEqual(pieces({ choices: [{ index: 0, delta: null, finish_reason: "stop" }] }), [{ finish: "stop" }]);
  assert.deepEqual(pieces({ choices: [{ delta: { content: null, tool_calls: null } }], usage: null }), []);
});

test("what is no chunk is not taken for one", () => {
  const delta = (delta) => JSON.stringify({ choices: [{ delta }] });
  const usage = (usage) => JSON.stringify({ choices: [], usage });
  const wrong = ["", "not json", "null", "[]", '"text"', '{"choices":{}}', '{"choices":[null]}', delta([])];
  const deep = [delta({ content: {} }), delta({ tool_calls: {} }), delta({ tool_calls: [{ function: { name: 1 } }] })];
  const counts = [usage([]), usage({}), usage({ prompt_tokens: 1, completion_tokens: "2" })];
  for (const data of [...wrong, ...deep, ...counts]) {
    assert.throws(() => chunkOf(data), /The server, or a proxy before it, sent something that makes no sense\./, data);
  }
  assert.deepEqual(chunkOf('{"choices":[],"unknown":1}'), { choices: [], unknown: 1 });
});

test("an answer grows by what is said, whatever that is", () => {
  const call = (index, name, given) => ({ call: { index, name, arguments: given } });
  const pieces = [
    { refusal: "I will" },
    { refusal: " not." },
    call(0, "add", ""),
    call(1, "sub", "{}"),
    call(0, "", '{"a": 1}'),
  ];
  const turn = pieces.reduce(grown, { role: "assistant", text: "" });
  assert.equal(wordsOf(turn), 'I will not.\nadd {"a": 1}\nsub {}');
  const empty = { role: "assistant", text: "" };
  assert.deepEqual([turn, empty, { ...empty, end: "stopped" }, { ...empty, end: "stop" }].map(saidNothing), [
    false,
    false,
    false,
    true,
  ]);
});

test("SQL in pieces is the same SQL", () => {
  const sql =
    "SELECT \"select\", 'it''s -- text', t.`from` -- from\n/* two\nlines */ FROM übung WHERE a1 >= 1.5 AND x = 'open";
  for (let end = 0; end <= sql.length; end += 1) {
    const part = sql.slice(0, end);
    assert.equal(
      pieces(part)
        .map(({ text }) => text)
        .join(""),
      part,
    );
  }
  const of = (kind) =>
    pieces(sql)
      .filter((piece) => piece.kind === kind)
      .map(({ text }) => text);
  assert.deepEqual(of("keyword"), ["SELECT", "FROM", "WHERE", "AND"]);
  assert.deepEqual(of("string"), ["'it''s -- text'", "'open"]);
  assert.deepEqual(of("name"), ['"select"', "`from`"]);
  assert.deepEqual(of("number"), ["1.5"]);
  assert.deepEqual(of("comment"), ["-- from", "/* two\nlines */"]);
});

test("a statement is taken out of the fence around it", () => {
  assert.equal(unfenced("Here it is:\n```sql\nSELECT 1;\n```\nThat is all."), "SELECT 1;");
  assert.equal(unfenced(" SELECT 1; "), "SELECT 1;");
});

test("metrics are read with their labels", () => {
  const metrics = new Exposition(
    '# HELP asked Requests.\n# TYPE asked counter\nasked_total{model="a,\\"b\\"",status="200"} 3\nasked_total{model="c",status="200"} 4\nvllm:free 0.5\n',
  );
  assert.equal(metrics.sum("asked_total"), 7);
  assert.equal(metrics.sum("asked_total", { model: 'a,"b"' }), 3);
  assert.equal(metrics.sum("vllm:free"), 0.5);
  assert.equal(metrics.sum("asked"), 0);
});

test("a refusal is no failure, and looking at what there is no traffic", () => {
  const series = [
    ["GET", "/v1/models", 401],
    ["GET", "/api/llms", 401],
    ["GET", "/v1/lora_adapters", 403],
    ["GET", "/v1/models/{*id}", 404],
    ["POST", "/v1/chat/completions", 200],
    ["POST", "/v1/chat/completions", 401],
    ["POST", "/v1/load_lora_adapter", 403],
    ["POST", "/v1/chat/completions", 502],
  ];
  const lines = series.map(
    ([method, route, status]) =>
      `api_requests_total{method="${method}",route="${route}",status="${status}",model=""} 1`,
  );
  const { requests, refused, failed } = readingOf(new Exposition(lines.join("\n")), 0);
  assert.deepEqual({ requests, refused, failed }, { requests: 5, refused: 3, failed: 1 });
});

test("a counter that has fallen is another server's", () => {
  const at = (seconds, requests) => ({ at: seconds * 1000, requests });
  assert.equal(rateOf("requests", at(1, 10), at(3, 14)), 2);
  assert.equal(rateOf("requests", at(1, 10), at(3, 4)), 0);
});

test("an answer's pace is that of the tokens after the first", () => {
  const pace = new Pace(1000);
  assert.equal(pace.figures(null), null);
  assert.deepEqual(pace.figures(4), { firstToken: null, tokens: 4, perSecond: null, exact: true });
  for (const time of [1200, 1300, 1400]) pace.heard(time);
  assert.deepEqual(pace.figures(null), { firstToken: 200, tokens: 3, perSecond: 10, exact: false });
  assert.deepEqual(pace.figures(5), { firstToken: 200, tokens: 5, perSecond: 20, exact: true });
});

test("the pace of tokens that came at once is that since the request", () => {
  const pace = new Pace(1000);
  for (const time of [1499, 1500, 1500]) pace.heard(time);
  assert.deepEqual(pace.figures(50), { firstToken: 499, tokens: 50, perSecond: 100, exact: true });
});

test("what the server would not take, or take for another number, is a mistake", () => {
  const mistake = (part) => mistakeIn({ system: "", temperature: "0.5", top_p: "", max_tokens: "", seed: "", ...part });
  const good = [{}, { temperature: " 0.75 " }, { top_p: "0" }, { max_tokens: "12" }];
  const seeds = ["-1", "0", "9007199254740991", "-9007199254740991"].map((seed) => ({ seed }));
  for (const part of [...good, ...seeds]) assert.equal(mistake(part), null, JSON.stringify(part));
  assert.equal(mistake({ temperature: "0,7" }), "Temperature must be a number.");
  assert.equal(mistake({ temperature: "2.1" }), "Temperature must be at most 2.");
  assert.equal(mistake({ temperature: "Infinity" }), "Temperature must be a number.");
  assert.equal(mistake({ top_p: "-0.1" }), "Top p must be at least 0.");
  assert.equal(mistake({ max_tokens: "1.5" }), "Max tokens must be a whole number.");
  assert.equal(mistake({ max_tokens: "0" }), "Max tokens must be at least 1.");
  assert.equal(mistake({ seed: "0.1" }), "Seed must be a whole number.");
  assert.equal(mistake({ seed: "-" }), "Seed must be a whole number.");
  assert.equal(mistake({ seed: "9007199254740993" }), "Seed must be at most 9007199254740991.");
});

test("an adapter that nobody has asked for is no fault", () => {
  assert.equal(summaryOf(["ready", "outdated", "loaded"]), "3 ready");
  assert.equal(summaryOf(["ready", "loaded", "idle", "idle"]), "2 ready, 2 idle until asked for");
  assert.equal(summaryOf(["idle", "stalled", "loading", "failed"]), "0 ready, 1 idle until asked for, 3 not ready");
});

test("when to try again is said once", async () => {
  const advice = async (message) => {
    const body = JSON.stringify({ error: { message } });
    return (await Refusal.of(new Response(body, { status: 429, headers: { "retry-after": "3" } }), false)).advice;
  };
  assert.equal(await advice("the queue is full; try again in 3 s"), null);
  assert.equal(await advice("please try again in 6m0s"), null);
  assert.equal(await advice("the quota of 5 tokens a day is spent; it begins anew in 8h 46m 46s"), null);
  assert.equal(await advice("shorten the prompt, or wait for the quota, which begins anew in 23m 27s"), null);
  assert.equal(await advice("the quota is spent"), "Try again in 3 s.");
  assert.equal(await advice("there is no room in 3 models"), "Try again in 3 s.");
});

test("what comes from elsewhere is taken to come as fast as what has ended", () => {
  const reading = (running, answers, seconds) => {
    const labels = 'gen_ai_operation_name="chat",gen_ai_request_model="far"';
    const lines = [
      'gateway_upstream_usable{model="far",upstream="http://one"} 1',
      'gateway_upstream_usable{model="far",upstream="http://two"} 1',
      `vllm:num_requests_running{model_name="far"} ${running}`,
      'vllm:generation_tokens_total{model_name="far"} 0',
      `gen_ai_server_time_per_output_token_seconds_count{${labels}} ${answers}`,
      `gen_ai_server_time_per_output_token_seconds_sum{${labels}} ${seconds}`,
      'model_loaded{model="far"} 1',
    ];
    return readingOf(new Exposition(lines.join("\n")), 0);
  };
  const rate = (before, now) => estimatedRate(before.elsewhere, now.elsewhere);
  const begun = reading(1, 0, 0);
  assert.equal(begun.runsModels, false);
  assert.equal(rate(begun, begun), null);
  assert.equal(rate(begun, reading(0, 0, 0)), 0);
  assert.equal(rate(begun, reading(2, 4, 0.5)), 16);
  assert.equal(rate(reading(1, 4, 0.5), reading(1, 4, 0.5)), 8);
  assert.equal(rate(reading(1, 4, 0.5), reading(1, 6, 1.5)), 2);
  assert.equal(rate(reading(1, 100, 1), reading(1, 2, 0.25)), 8);
});

test("numbers are written as people read them", () => {
  assert.deepEqual([0, 1.234, 12.34, 1234.5].map(rate), ["0", "1.23", "12.3", "1,235"]);
  assert.deepEqual([12, 3_073_024, 5 * 1024 ** 3].map(bytes), ["12 bytes", "2.9 MiB", "5.0 GiB"]);
  assert.deepEqual([0, 59, 3600, 7186, 200_000].map(duration), ["0 s", "59 s", "1 h", "1 h 59 min", "2 d 7 h"]);
});
