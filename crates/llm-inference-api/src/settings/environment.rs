//! The environment, as it was found: the one place that reads it.

use std::collections::BTreeMap;

use super::later::Beyond;

/// A variable with its aliases, and what it is set to.
#[derive(Debug, Clone)]
pub(crate) struct Variable {
    /// The name that the documentation uses, whether it or an alias is set.
    pub(crate) name: &'static str,
    /// The name that is set, and the value. A variable that is set to nothing counts as not set: that is how a compose
    /// file or a shell takes one back.
    pub(crate) set: Option<(&'static str, String)>,
}

/// Declares [`Environment`] and its groups: a field for each variable, its name, and its aliases.
macro_rules! environment {
    ($($group:ident: $Group:ident { $($field:ident: $name:literal $(or $alias:literal)*,)* })*) => {
        /// Every variable that this version acts on.
        #[derive(Debug, Clone)]
        pub(crate) struct Environment {
            $(pub(crate) $group: $Group,)*
            /// What is set for later versions, or misspelt.
            pub(crate) beyond: Beyond,
        }

        $(
            #[derive(Debug, Clone)]
            pub(crate) struct $Group {
                $(pub(crate) $field: Variable,)*
            }
        )*

        impl Environment {
            const NAMES: &[&str] = &[$($($name, $($alias,)*)*)*];

            /// Takes what it knows from `variables`.
            pub(crate) fn from_map(variables: &BTreeMap<String, String>) -> Self {
                Self {
                    $($group: $Group { $($field: Variable::take(variables, &[$name, $($alias,)*]),)* },)*
                    beyond: Beyond::take(variables, Self::NAMES),
                }
            }
        }
    };
}

environment! {
    models: ModelVariables {
        model_path: "LLM_MODEL_PATH",
        allowed_models: "LLM_ALLOWED_MODELS",
    }
    engine: EngineVariables {
        threads: "LLM_THREADS",
        kv_cache_bytes: "LLM_KV_CACHE_BYTES",
        kv_cache_type: "LLM_KV_CACHE_TYPE",
        max_concurrent_requests: "LLM_MAX_CONCURRENT_REQUESTS",
        max_queued_requests: "LLM_MAX_QUEUED_REQUESTS",
        queue_timeout_ms: "LLM_QUEUE_TIMEOUT_MS",
        speculation: "LLM_SPECULATION",
        speculation_tokens: "LLM_SPECULATION_TOKENS",
        draft_model: "LLM_DRAFT_MODEL",
    }
    generation: GenerationVariables {
        default_temperature: "LLM_DEFAULT_TEMPERATURE",
        default_top_p: "LLM_DEFAULT_TOP_P",
        default_max_tokens: "LLM_DEFAULT_MAX_TOKENS",
        max_tokens_limit: "LLM_MAX_TOKENS_LIMIT",
    }
    http: HttpVariables {
        host: "LLM_INFERENCE_HOSTNAME" or "API_HOST",
        port: "LLM_INFERENCE_PORT" or "API_PORT",
        cors_allowed_origins: "CORS_ALLOWED_ORIGINS",
        workers: "API_WORKERS",
        shutdown_grace_ms: "LLM_SHUTDOWN_GRACE_MS",
    }
    log: LogVariables {
        log_format: "LOG_FORMAT",
        log_level: "LOG_LEVEL",
        debug: "DEBUG",
    }
}

impl Environment {
    /// The process's own.
    #[expect(clippy::disallowed_methods, reason = "this is where the environment is read")]
    pub(crate) fn of_process() -> Self {
        // A value that is not UTF-8 is shown with its broken parts replaced, and fails to parse like any other.
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
            .collect();
        Self::from_map(&variables)
    }
}

impl Variable {
    fn take(variables: &BTreeMap<String, String>, names: &[&'static str]) -> Self {
        let set = names.iter().find_map(|name| {
            let value = variables.get(*name).filter(|value| !value.trim().is_empty())?;
            Some((*name, value.clone()))
        });
        Self { name: names[0], set }
    }
}
