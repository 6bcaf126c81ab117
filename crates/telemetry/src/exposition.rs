//! The two texts that Prometheus reads, and who wants which.

use std::collections::HashSet;

/// How the measurements are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposition {
    /// What Prometheus asks for since its version 2.5 (<https://prometheus.io/docs/specs/om/open_metrics_spec/>).
    OpenMetrics,
    /// The older text, for whoever does not ask for the other
    /// (<https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>).
    Text,
}

impl Exposition {
    /// For a request with this `Accept`. Scrapers name what they can read, and name the newer text first.
    pub fn accepted(accept: &str) -> Self {
        let names_it = |range: &str| {
            let mut parts = range.split(';').map(str::trim);
            let is_refused = |part: &str| part.strip_prefix("q=").is_some_and(|weight| weight.parse() == Ok(0.0));
            parts.next().is_some_and(|name| name.eq_ignore_ascii_case("application/openmetrics-text"))
                && !parts.any(is_refused)
        };
        if accept.split(',').any(names_it) { Self::OpenMetrics } else { Self::Text }
    }

    pub const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// What [`encode`](crate::Metrics::encode) says.
    pub fn write(self, open_metrics: String) -> String {
        match self {
            Self::OpenMetrics => open_metrics,
            Self::Text => text(&open_metrics),
        }
    }
}

/// There, a counter is described under the name of its one series, and neither units nor the end are said.
fn text(open_metrics: &str) -> String {
    let about = |line: &str, what: &str| line.strip_prefix("# ")?.strip_prefix(what)?.strip_prefix(' ').map(str::to_owned);
    let types = open_metrics.lines().filter_map(|line| about(line, "TYPE"));
    let counters: HashSet<String> = types.filter_map(|said| said.strip_suffix(" counter").map(str::to_owned)).collect();
    let described = |what: &str, said: &str| {
        let (name, rest) = said.split_once(' ').unwrap_or((said, ""));
        let total = if counters.contains(name) { "_total" } else { "" };
        format!("# {what} {name}{total} {rest}")
    };
    let mut out = String::with_capacity(open_metrics.len());
    for line in open_metrics.lines().filter(|line| *line != "# EOF" && about(line, "UNIT").is_none()) {
        let described = ["HELP", "TYPE"].into_iter().find_map(|what| Some(described(what, &about(line, what)?)));
        out.push_str(described.as_deref().unwrap_or(line));
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_names_open_metrics_gets_it() {
        let prometheus =
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.4,*/*;q=0.1";
        for (accept, wanted) in [
            (prometheus, Exposition::OpenMetrics),
            ("application/OpenMetrics-Text", Exposition::OpenMetrics),
            ("application/openmetrics-text;q=0, text/plain", Exposition::Text),
            ("text/plain;version=0.0.4;q=1,*/*;q=0.1", Exposition::Text),
            ("*/*", Exposition::Text),
            ("", Exposition::Text),
        ] {
            assert_eq!(Exposition::accepted(accept), wanted, "{accept}");
        }
    }

    #[test]
    fn the_older_text_names_a_counter_as_its_series() {
        let open_metrics = "# HELP asked Requests.\n# TYPE asked counter\n# UNIT asked requests\nasked_total{model=\"# HELP\"} 3\n\
                            # HELP busy Requests that run.\n# TYPE busy gauge\nbusy 1\n# EOF\n";
        assert_eq!(Exposition::OpenMetrics.write(open_metrics.to_owned()), open_metrics);
        insta::assert_snapshot!(Exposition::Text.write(open_metrics.to_owned()), @r##"
        # HELP asked_total Requests.
        # TYPE asked_total counter
        asked_total{model="# HELP"} 3
        # HELP busy Requests that run.
        # TYPE busy gauge
        busy 1
        "##);
    }
}
