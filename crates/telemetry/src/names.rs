//! What each histogram is called: by Prometheus, and by OpenTelemetry's semantic conventions.

use crate::buckets;
use crate::histogram::Named;

pub(crate) const API_REQUEST_DURATION: Named = Named {
    scraped: "api_request_duration_seconds",
    sent: "http.server.request.duration",
    unit: "s",
    help: "Time from a request to the end of its answer",
    buckets: &buckets::HTTP_SERVER_REQUEST_DURATION,
};

pub(crate) const TIME_TO_FIRST_TOKEN: Named = Named {
    scraped: "gen_ai_server_time_to_first_token_seconds",
    sent: "gen_ai.server.time_to_first_token",
    unit: "s",
    help: "Time from a request to its first token",
    buckets: &buckets::TIME_TO_FIRST_TOKEN,
};

pub(crate) const TIME_PER_OUTPUT_TOKEN: Named = Named {
    scraped: "gen_ai_server_time_per_output_token_seconds",
    sent: "gen_ai.server.time_per_output_token",
    unit: "s",
    help: "Mean time of a request's tokens after the first",
    buckets: &buckets::TIME_PER_OUTPUT_TOKEN,
};

pub(crate) const REQUEST_DURATION: Named = Named {
    scraped: "gen_ai_server_request_duration_seconds",
    sent: "gen_ai.server.request.duration",
    unit: "s",
    help: "Time from a request to its last token",
    buckets: &buckets::REQUEST_DURATION,
};

pub(crate) const TOKEN_USAGE: Named = Named {
    scraped: "gen_ai_client_token_usage",
    sent: "gen_ai.client.token.usage",
    unit: "{token}",
    help: "Tokens in the prompt (input) and in the answer (output) of a request",
    buckets: &buckets::TOKEN_USAGE,
};
