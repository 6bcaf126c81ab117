// The parts of the console that need no page. `npm test` bundles this file with what it names, since Node reads no TypeScript.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Pace } from "../src/chat/pace.ts";
import { bytes, duration, rate } from "../src/parts/figures.ts";
import { events } from "../src/server/events.ts";
import { Exposition } from "../src/server/exposition.ts";
import { pieces, unfenced } from "../src/sql/highlight.ts";
import { rateOf } from "../src/traffic/reading.ts";

async function heard(parts) {
  const body = new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(part);
      controller.close();
    },
  });
  const all = [];
  for await (const event of events(body)) all.push(event);
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

test("a counter that has fallen is another server's", () => {
  const at = (seconds, requests) => ({ at: seconds * 1000, requests });
  assert.equal(rateOf("requests", at(1, 10), at(3, 14)), 2);
  assert.equal(rateOf("requests", at(1, 10), at(3, 4)), 0);
});

test("an answer's pace is that of the tokens after the first", () => {
  const pace = new Pace(1000);
  assert.equal(pace.figures(null), null);
  for (const time of [1200, 1300, 1400]) pace.heard(time);
  assert.deepEqual(pace.figures(null), { firstToken: 200, tokens: 3, perSecond: 10, exact: false });
  assert.deepEqual(pace.figures(5), { firstToken: 200, tokens: 5, perSecond: 20, exact: true });
});

test("numbers are written as people read them", () => {
  assert.deepEqual([0, 1.234, 12.34, 1234.5].map(rate), ["0", "1.23", "12.3", "1,235"]);
  assert.deepEqual([12, 3_073_024, 5 * 1024 ** 3].map(bytes), ["12 bytes", "2.9 MiB", "5.0 GiB"]);
  assert.deepEqual([0, 59, 3600, 7186, 200_000].map(duration), ["0 s", "59 s", "1 h", "1 h 59 min", "2 d 7 h"]);
});
