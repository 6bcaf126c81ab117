//! What each setting is called: its key in the file, its flag, its variables. One table, from which the stages are made, so
//! that a setting that is added here is missing everywhere else until it is read.

/// The names of one setting.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Names {
    /// `section.key` in the file, unless it is about the file itself.
    pub(crate) key: Option<&'static str>,
    /// Whether the key may hold a list; a variable or flag has the same with commas.
    pub(crate) several: bool,
    pub(crate) flag: &'static str,
    /// The name that the documentation uses, then its aliases.
    pub(crate) variables: &'static [&'static str],
}

impl Names {
    /// What messages call the setting where nobody has set it.
    pub(crate) fn name(&self) -> &'static str {
        self.variables.first().unwrap_or(&self.flag)
    }
}

/// Which file is read.
pub(crate) const CONFIG: Names = Names { key: None, several: false, flag: "--config", variables: &["LLM_CONFIG"] };

/// Declares [`Values`] and its groups: for each setting the field, the key (`several` where it may be a list), the flag,
/// the variable and its aliases.
macro_rules! declare {
    ($($group:ident: $Group:ident {
        $($field:ident: $key:literal $($several:ident)?, $flag:literal $(, $variable:literal)*;)*
    })*) => {
        /// What one stage says of every setting.
        #[derive(Debug, Clone)]
        pub(crate) struct Values<Stage> {
            $(pub(crate) $group: $Group<Stage>,)*
        }

        $(
            #[derive(Debug, Clone)]
            pub(crate) struct $Group<Stage> {
                $(pub(crate) $field: Stage,)*
            }
        )*

        impl<Stage> Values<Stage> {
            pub(crate) fn take(mut take: impl FnMut(&'static Names) -> Stage) -> Self {
                Self {
                    $($group: $Group {
                        $($field: take(const { &Names {
                            key: Some($key),
                            several: !stringify!($($several)?).is_empty(),
                            flag: $flag,
                            variables: &[$($variable,)*],
                        } }),)*
                    },)*
                }
            }

            /// What two stages say of the same settings.
            pub(crate) fn beside<Other>(self, other: Values<Other>) -> Values<(Stage, Other)> {
                Values {
                    $($group: $Group {
                        $($field: (self.$group.$field, other.$group.$field),)*
                    },)*
                }
            }
        }
    };
}

declare! {
    models: ModelValues {
        named: "model.path", "--model";
        directory: "model.directory", "--model-path", "LLM_MODEL_PATH";
        allowed: "model.allowed" several, "--allowed-models", "LLM_ALLOWED_MODELS";
        memory: "model.memory_bytes", "--model-memory-bytes", "LLM_MODEL_MEMORY_BYTES";
        adapter_root: "model.adapter_root", "--adapter-root", "LLM_ADAPTER_ROOT";
        adapter_memory: "model.adapter_memory_bytes", "--adapter-memory-bytes", "LLM_ADAPTER_MEMORY_BYTES";
    }
    registry: RegistryValues {
        home: "hub.home", "--hf-home", "HF_HOME";
        endpoint: "hub.endpoint", "--hf-endpoint", "HF_ENDPOINT";
        hub_token: "hub.token", "--hf-token", "HF_TOKEN";
        offline: "hub.offline", "--hf-hub-offline", "HF_HUB_OFFLINE";
        tracking_uri: "mlflow.tracking_uri", "--mlflow-tracking-uri", "MLFLOW_TRACKING_URI";
        model_name: "mlflow.model_name", "--mlflow-model-name", "MODEL_NAME";
        model_stage: "mlflow.model_stage", "--mlflow-model-stage", "MODEL_STAGE";
        refresh: "mlflow.refresh_seconds", "--mlflow-refresh-seconds", "MLFLOW_REFRESH_SECONDS";
        user: "mlflow.username", "--mlflow-username", "MLFLOW_TRACKING_USERNAME";
        password: "mlflow.password", "--mlflow-password", "MLFLOW_TRACKING_PASSWORD";
        tracking_token: "mlflow.token", "--mlflow-token", "MLFLOW_TRACKING_TOKEN";
    }
    scorers: ScorerValues {
        directory: "scorers.directory", "--scorer-path", "LLM_SCORER_PATH";
        record: "scorers.record", "--scorer-record", "LLM_SCORER_RECORD";
        record_bytes: "scorers.record_bytes", "--scorer-record-bytes", "LLM_SCORER_RECORD_BYTES";
    }
    engine: EngineValues {
        quantization: "model.quantization", "--quantization", "LLM_QUANTIZATION";
        threads: "engine.threads", "--threads", "LLM_THREADS";
        kv_cache_bytes: "engine.kv_cache_bytes", "--kv-cache-bytes", "LLM_KV_CACHE_BYTES";
        kv_cache_type: "engine.kv_cache_type", "--kv-cache-type", "LLM_KV_CACHE_TYPE";
        // Description E calls it the size of a batch, and a batch is what runs at once.
        max_running: "model.batch_size", "--max-concurrent-requests", "LLM_MAX_CONCURRENT_REQUESTS";
        max_queued: "engine.max_queued_requests", "--max-queued-requests", "LLM_MAX_QUEUED_REQUESTS";
        queue_timeout: "engine.queue_timeout_ms", "--queue-timeout-ms", "LLM_QUEUE_TIMEOUT_MS";
        speculation: "engine.speculation", "--speculation", "LLM_SPECULATION";
        speculation_tokens: "engine.speculation_tokens", "--speculation-tokens", "LLM_SPECULATION_TOKENS";
        draft_model: "engine.draft_model", "--draft-model", "LLM_DRAFT_MODEL";
    }
    generation: GenerationValues {
        temperature: "model.default_temperature", "--default-temperature", "LLM_DEFAULT_TEMPERATURE";
        top_p: "model.default_top_p", "--default-top-p", "LLM_DEFAULT_TOP_P";
        max_tokens: "model.default_max_tokens", "--default-max-tokens", "LLM_DEFAULT_MAX_TOKENS";
        max_tokens_limit: "model.max_tokens", "--max-tokens-limit", "LLM_MAX_TOKENS_LIMIT";
    }
    predict: PredictValues {
        max_length: "model.default_max_length", "--default-max-length", "LLM_DEFAULT_MAX_LENGTH";
        prompt_tokens: "model.max_prompt_length", "--max-prompt-length", "LLM_MAX_PROMPT_LENGTH";
    }
    http: HttpValues {
        host: "api.host", "--host", "LLM_INFERENCE_HOSTNAME", "API_HOST";
        port: "api.port", "--port", "LLM_INFERENCE_PORT", "API_PORT";
        origins: "api.cors_allowed_origins" several, "--cors-allowed-origins", "CORS_ALLOWED_ORIGINS";
        trusted_hosts: "api.trusted_hosts" several, "--trusted-hosts", "TRUSTED_HOSTS";
        trusted_proxies: "api.trusted_proxies" several, "--trusted-proxies", "TRUSTED_PROXIES";
        metrics_need_key: "api.metrics_need_key", "--metrics-need-key", "LLM_METRICS_NEED_KEY";
        tls: "api.tls.enabled", "--tls", "SERVER_SSL_ENABLED";
        tls_certificate: "api.tls.certificate", "--tls-certificate", "TLS_SERVER_CERT_PATH";
        tls_key: "api.tls.key", "--tls-key", "TLS_SERVER_KEY_PATH";
        body_limit: "api.max_body_bytes", "--max-body-bytes", "LLM_MAX_BODY_BYTES";
        max_connections: "api.max_connections", "--max-connections", "LLM_MAX_CONNECTIONS";
        workers: "api.workers", "--workers", "API_WORKERS";
        shutdown_grace: "api.shutdown_grace_ms", "--shutdown-grace-ms", "LLM_SHUTDOWN_GRACE_MS";
    }
    accounts: AccountValues {
        api_key: "accounts.api_key", "--api-key", "API_KEY";
        keys_file: "accounts.keys_file", "--api-keys-file", "LLM_API_KEYS_FILE";
        database_url: "accounts.database_url", "--database-url", "LLM_DATABASE_URL";
        data_directory: "accounts.data_dir", "--data-dir", "LLM_DATA_DIR";
        ledger: "accounts.ledger_days", "--ledger-days", "LLM_LEDGER_DAYS";
        required: "accounts.required", "--accounts-required", "LLM_ACCOUNTS_REQUIRED";
    }
    limits: LimitValues {
        ip_requests_per_second: "limits.ip.requests_per_second", "--ip-requests-per-second", "LLM_LIMIT_IP_REQUESTS_PER_SECOND";
        ip_burst: "limits.ip.burst", "--ip-burst", "LLM_LIMIT_IP_BURST";
        tokens_per_day: "limits.organization.tokens_per_day", "--tokens-per-day", "LLM_LIMIT_TOKENS_PER_DAY";
        requests_per_day: "limits.organization.requests_per_day", "--requests-per-day", "LLM_LIMIT_REQUESTS_PER_DAY";
        tokens_per_month: "limits.organization.tokens_per_month", "--tokens-per-month", "LLM_LIMIT_TOKENS_PER_MONTH";
        requests_per_month: "limits.organization.requests_per_month", "--requests-per-month", "LLM_LIMIT_REQUESTS_PER_MONTH";
        shadow: "limits.shadow", "--limits-shadow", "LLM_LIMITS_SHADOW";
    }
    log: LogValues {
        format: "telemetry.log_format", "--log-format", "LOG_FORMAT";
        level: "telemetry.log_level", "--log-level", "LOG_LEVEL";
        debug: "telemetry.debug", "--debug", "DEBUG";
    }
    telemetry: TelemetryValues {
        service_name: "telemetry.service_name", "--service-name", "SERVICE_NAME", "OTEL_SERVICE_NAME";
        endpoint: "telemetry.otlp_endpoint", "--otlp-endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT";
        protocol: "telemetry.otlp_protocol", "--otlp-protocol", "OTEL_EXPORTER_OTLP_PROTOCOL";
        headers: "telemetry.otlp_headers" several, "--otlp-headers", "OTEL_EXPORTER_OTLP_HEADERS";
        attributes: "telemetry.resource_attributes" several, "--resource-attributes", "OTEL_RESOURCE_ATTRIBUTES";
        disabled: "telemetry.otlp_disabled", "--otlp-disabled", "OTEL_SDK_DISABLED";
    }
}

/// Every setting, in the order of the table.
pub(crate) fn all() -> Vec<&'static Names> {
    let mut all = vec![&CONFIG];
    Values::take(|names| all.push(names));
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_name_means_two_settings() {
        let all = all();
        let variables = all.iter().flat_map(|names| names.variables.iter().copied());
        let names: Vec<&str> =
            all.iter().filter_map(|names| names.key).chain(variables).chain(all.iter().map(|names| names.flag)).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
    }
}
