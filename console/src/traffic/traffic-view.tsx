/** What the server does now, and did in the minutes before. */
import { status } from "../health";
import { count, duration, milliseconds, rate } from "../parts/figures";
import { Notice } from "../parts/notice";
import { askText } from "../server/ask";
import { Exposition } from "../server/exposition";
import { usePoll } from "../server/poll";
import { Refusal, refusal } from "../server/refusal";
import { State, useValue } from "../state";
import { Chart, type Line } from "./chart";
import { estimatedRate } from "./elsewhere";
import { type Figure, type Reading, rateOf, readingOf } from "./reading";
import { Upstreams } from "./upstreams";

const PAUSE = 2000;
/** Milliseconds that are drawn: what there is, within these bounds. */
const SHORTEST = 30_000;
const LONGEST = 180_000;

interface Watched {
  /** Of the last minutes, the newest last. */
  readings: Reading[];
  metrics: Exposition | null;
  problem: Refusal | null;
}

/** It is kept while other views are looked at. */
const watched = new State<Watched>({ readings: [], metrics: null, problem: null });

async function look() {
  try {
    const metrics = new Exposition(await askText("metrics"));
    const reading = readingOf(metrics, performance.now());
    watched.change(({ readings }) => ({
      readings: [...readings.filter(({ at }) => reading.at - at <= LONGEST), reading],
      metrics,
      problem: null,
    }));
  } catch (thrown) {
    watched.change((before) => ({ ...before, problem: hidden(refusal(thrown)) }));
  }
}

/** A proxy may show the metrics to nobody, since they name organisations. */
function hidden(problem: Refusal): Refusal {
  if (problem.status !== 404) return problem;
  return new Refusal("the metrics cannot be read from here", 404, "A proxy between may keep them to itself.");
}

export function TrafficView() {
  usePoll(look, PAUSE);
  const { readings, metrics, problem } = useValue(watched);
  return (
    <>
      <Notice refusal={problem} />
      <Charts readings={readings} />
      <Totals latest={readings.at(-1)} />
      {metrics && <Upstreams metrics={metrics} />}
    </>
  );
}

function Charts({ readings }: { readings: Reading[] }) {
  const times = readings.slice(1).map(({ at }) => at);
  const rates = (counter: Figure) =>
    readings.slice(1).map((reading, index) => rateOf(counter, readings[index] ?? reading, reading));
  const gauges = (gauge: Figure) => readings.slice(1).map((reading) => reading[gauge]);
  const percent = (share: number) => `${Math.round(share * 100)} %`;
  const span = Math.max(SHORTEST, (times.at(-1) ?? 0) - (times[0] ?? 0));
  // The first reading is drawn nowhere, but rates count from there.
  const watched = (times.at(-1) ?? 0) - (readings[0]?.at ?? 0);
  const common = { times, span, watched };
  return (
    <div class="charts">
      <Chart
        {...common}
        title="Tokens per second"
        show={rate}
        lines={tokenLines(readings, rates("generatedHere"))}
        note={readings.at(-1)?.elsewhere.length ? ESTIMATED : undefined}
      />
      <Chart
        {...common}
        title="Requests per second"
        show={rate}
        lines={[
          { name: "answered", values: rates("requests") },
          { name: "refused", values: rates("refused") },
          { name: "failed", values: rates("failed") },
        ]}
      />
      <Chart
        {...common}
        title="In flight"
        show={count}
        lines={[
          { name: "running", values: gauges("running") },
          { name: "waiting", values: gauges("waiting") },
        ]}
      />
      <Chart
        {...common}
        title="KV cache in use"
        show={percent}
        top={1}
        lines={[{ name: "", values: gauges("cache") }]}
      />
    </div>
  );
}

const ESTIMATED =
  "Tokens of servers elsewhere are counted when an answer ends; until then it is taken to come as fast as those before it.";

/** Those of models that run here, and those of models elsewhere, where there are such models. */
function tokenLines(readings: Reading[], here: number[]): Line[] {
  const [first, latest] = [readings[0], readings.at(-1)];
  if (!first || !latest || latest.elsewhere.length === 0) return [{ name: "", values: here }];
  const elsewhere = readings.slice(1).map((reading) => estimatedRate(first.elsewhere, reading.elsewhere));
  const estimated = { name: "elsewhere, about", values: elsewhere };
  return latest.runsModels ? [{ name: "here", values: here }, estimated] : [estimated];
}

/** Since the server was started. */
function Totals({ latest }: { latest: Reading | undefined }) {
  const known = useValue(status);
  if (!latest) return null;
  const { requests, refused, failed, prompted, generated, cacheQueries, cacheHits, firstTokens, firstTokenSeconds } =
    latest;
  return (
    <section aria-labelledby="totals">
      <h2 id="totals">Since the start</h2>
      <dl class="pairs">
        <dt>Up for</dt>
        <dd>{known ? duration(known.uptime_seconds) : ""}</dd>
        <dt>Requests</dt>
        <dd>
          {count(requests)}, of which {count(refused)} refused and {count(failed)} failed
        </dd>
        <dt>Tokens</dt>
        <dd>
          {count(prompted)} of prompts, {count(generated)} generated
        </dd>
        <dt>First token after</dt>
        <dd>{firstTokens > 0 ? `${milliseconds((firstTokenSeconds / firstTokens) * 1000)} on average` : "–"}</dd>
        <dt>Prefix cache</dt>
        <dd>{cacheQueries > 0 ? `${Math.round((cacheHits / cacheQueries) * 100)} % of prompts' tokens found` : "–"}</dd>
      </dl>
    </section>
  );
}
