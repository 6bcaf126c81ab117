/** The servers elsewhere that models run on, and how they are. */
import { count, milliseconds } from "../parts/figures";
import type { Exposition } from "../server/exposition";

const BREAKERS = ["", "being tried again", "left alone for a while"];
const FAILURES = "gateway_upstream_failures_total";

export function Upstreams({ metrics }: { metrics: Exposition }) {
  const upstreams = metrics.named("gateway_upstream_usable");
  if (upstreams.length === 0) return null;
  return (
    <section aria-labelledby="upstreams">
      <h2 id="upstreams">Servers elsewhere</h2>
      <ul class="cards">
        {upstreams.map(({ labels, value }) => (
          <li key={`${labels.model} ${labels.upstream}`}>
            <Upstream metrics={metrics} labels={labels} usable={value === 1} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function Upstream({
  metrics,
  labels,
  usable,
}: {
  metrics: Exposition;
  labels: Record<string, string>;
  usable: boolean;
}) {
  const latency = metrics.sum("gateway_upstream_latency_seconds", labels);
  const breaker = BREAKERS[metrics.sum("gateway_upstream_breaker_state", labels)];
  // The metrics count what a server refuses among what failed there: the fault is the request's.
  const refused = metrics.sum(FAILURES, { ...labels, kind: "refused" });
  const failed = metrics.sum(FAILURES, labels) - refused;
  return (
    <article class="card" aria-label={labels.upstream}>
      <header>
        <h3>{labels.upstream}</h3>
        <span class={usable ? "state ready" : "state failed"}>{usable ? "in use" : "not in use"}</span>
      </header>
      <p class="figures">
        <span>{labels.model}</span>
        {breaker && <span>{breaker}</span>}
        <span>{count(metrics.sum("gateway_upstream_in_flight", labels))} in flight</span>
        <span>{count(metrics.sum("gateway_upstream_requests_total", labels))} asked</span>
        <span>{count(refused)} refused</span>
        <span>{count(failed)} failed</span>
        {latency > 0 && <span>begins after {milliseconds(latency * 1000)}</span>}
      </p>
    </article>
  );
}
