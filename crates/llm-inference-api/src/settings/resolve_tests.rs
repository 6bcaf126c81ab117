//! Who wins, what is refused, and what is said about it.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Parser;

use super::{Problems, Purpose, resolve};
use crate::settings::{
    AccountArguments, Arguments, EngineArguments, Environment, File, FileArguments, GenerationArguments, HttpArguments,
    LimitArguments, LogArguments, Machine, ModelArguments, PredictArguments, RecordArguments, RegistryArguments,
    ScorerArguments, Settings, TelemetryArguments, parse, show,
};

#[derive(Debug, Parser)]
struct Flags {
    #[command(flatten)]
    file: FileArguments,
    #[command(flatten)]
    models: ModelArguments,
    #[command(flatten)]
    engine: EngineArguments,
    #[command(flatten)]
    generation: GenerationArguments,
    #[command(flatten)]
    registry: RegistryArguments,
    #[command(flatten)]
    scorers: ScorerArguments,
    #[command(flatten)]
    record: RecordArguments,
    #[command(flatten)]
    predict: PredictArguments,
    #[command(flatten)]
    http: HttpArguments,
    #[command(flatten)]
    accounts: AccountArguments,
    #[command(flatten)]
    limits: LimitArguments,
    #[command(flatten)]
    log: LogArguments,
    #[command(flatten)]
    telemetry: TelemetryArguments,
}

/// A server in a container: four cores of two threads each, 8 GiB free, nobody at a terminal.
const MACHINE: Machine = Machine {
    cores: NonZeroUsize::new(8).unwrap(),
    physical_cores: NonZeroUsize::new(4).unwrap(),
    free_memory: Some(8 << 30),
    terminal: false,
};

/// `flags` and `variables` as one would type them: `--port 1`, `PORT=1 HOST=a`.
fn resolved_with(file: &str, purpose: Purpose, flags: &str, variables: &[&str]) -> Result<Settings, Problems> {
    let Flags {
        file: file_named,
        models,
        registry,
        scorers,
        record,
        engine,
        generation,
        predict,
        http,
        accounts,
        limits,
        log,
        telemetry,
    } = Flags::try_parse_from(std::iter::once("server").chain(flags.split_whitespace())).unwrap();
    let variables: BTreeMap<String, String> =
        variables.iter().filter_map(|pair| pair.split_once('=')).map(|(name, value)| (name.into(), value.into())).collect();
    let of_file = File::parse("serving_config.yaml", file, &variables);
    let file = file_named;
    let arguments = Arguments {
        file,
        models,
        registry,
        scorers,
        record,
        engine,
        generation,
        predict,
        http,
        accounts,
        limits,
        log,
        telemetry,
    };
    resolve(arguments, Environment::from_map(&variables), of_file, &MACHINE, purpose)
}

fn resolved_for(purpose: Purpose, flags: &str, variables: &[&str]) -> Result<Settings, Problems> {
    resolved_with("", purpose, flags, variables)
}

fn resolved(flags: &str, variables: &[&str]) -> Settings {
    resolved_for(Purpose::Serve, flags, variables).unwrap()
}

fn refused(variables: &[&str]) -> String {
    resolved_for(Purpose::Serve, "", variables).unwrap_err().to_string()
}

/// The line of `check-config` about one setting.
fn line(flags: &str, variables: &[&str], name: &str) -> String {
    line_with("", flags, variables, name)
}

fn line_with(file: &str, flags: &str, variables: &[&str], name: &str) -> String {
    let table = show(&resolved_with(file, Purpose::Serve, flags, variables).unwrap());
    let line = table.lines().find(|line| line.starts_with(name)).unwrap();
    line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect::<Vec<_>>().join(" | ")
}

#[test]
fn nothing_said() {
    insta::assert_snapshot!(show(&resolved("", &[])), @r"
        LLM_CONFIG                        none                               default
        --model                           none                               default
        LLM_MODEL_PATH                    none                               default
        LLM_ALLOWED_MODELS                the embedded model                 default
        LLM_MODEL_MEMORY_BYTES            6871947672 (6.4 GiB)               default
        LLM_ADAPTER_ROOT                  none                               default
        LLM_ADAPTER_MEMORY_BYTES          1073741824 (1.0 GiB)               default
        LLM_INFERENCE_HOSTNAME            0.0.0.0                            default
        LLM_INFERENCE_PORT                8091                               default
        CORS_ALLOWED_ORIGINS              *                                  default
        TRUSTED_HOSTS                     *                                  default
        TRUSTED_PROXIES                   none                               default
        LLM_METRICS_NEED_KEY              false                              default
        SERVER_SSL_ENABLED                false                              default
        TLS_SERVER_CERT_PATH              none                               default
        TLS_SERVER_KEY_PATH               none                               default
        LLM_MAX_BODY_BYTES                10485760 (10.0 MiB)                default
        LLM_MAX_CONNECTIONS               4096                               default
        API_WORKERS                       8                                  default
        LLM_SHUTDOWN_GRACE_MS             30000                              default
        LLM_DEFAULT_TEMPERATURE           0.7                                default
        LLM_DEFAULT_TOP_P                 0.9                                default
        LLM_DEFAULT_MAX_TOKENS            512                                default
        LLM_MAX_TOKENS_LIMIT              4096                               default
        LLM_DEFAULT_MAX_LENGTH            100                                default
        LLM_MAX_PROMPT_LENGTH             2048                               default
        LLM_MAX_CONCURRENT_REQUESTS       10                                 default
        LLM_MAX_QUEUED_REQUESTS           64                                 default
        LLM_QUEUE_TIMEOUT_MS              30000                              default
        LLM_QUANTIZATION                  stored                             default
        LLM_KV_CACHE_BYTES                2147483648 (2.0 GiB)               default
        LLM_KV_CACHE_TYPE                 auto                               default
        LLM_THREADS                       4                                  default
        LLM_SPECULATION                   off                                default
        LLM_SPECULATION_TOKENS            10                                 default
        LLM_DRAFT_MODEL                   none                               default
        HF_HOME                           huggingface                        default
        HF_ENDPOINT                       https://huggingface.co             default
        HF_TOKEN                          none                               default
        HF_HUB_OFFLINE                    false                              default
        MLFLOW_TRACKING_URI               none                               default
        MODEL_NAME                        none                               default
        MODEL_STAGE                       Production                         default
        MLFLOW_REFRESH_SECONDS            60                                 default
        MLFLOW_TRACKING_USERNAME          none                               default
        MLFLOW_TRACKING_PASSWORD          none                               default
        MLFLOW_TRACKING_TOKEN             none                               default
        LLM_SCORER_PATH                   llm-inference-api/scorers          default
        LLM_SCORER_RECORD                 off                                default
        LLM_SCORER_RECORD_BYTES           67108864 (64.0 MiB)                default
        API_KEY                           none                               default
        LLM_API_KEYS_FILE                 none                               default
        LLM_DATABASE_URL                  accounts.db in the data directory  default
        LLM_DATA_DIR                      llm-inference-api                  default
        LLM_LEDGER_DAYS                   90                                 default
        LLM_ACCOUNTS_REQUIRED             false                              default
        LLM_LIMIT_IP_REQUESTS_PER_SECOND  50                                 default
        LLM_LIMIT_IP_BURST                100                                default
        LLM_LIMIT_TOKENS_PER_DAY          10000000                           default
        LLM_LIMIT_REQUESTS_PER_DAY        100000                             default
        LLM_LIMIT_TOKENS_PER_MONTH        300000000                          default
        LLM_LIMIT_REQUESTS_PER_MONTH      none                               default
        LLM_LIMITS_SHADOW                 false                              default
        LOG_FORMAT                        json                               default
        LOG_LEVEL                         info                               default
        SERVICE_NAME                      llm-inference-api                  default
        OTEL_EXPORTER_OTLP_ENDPOINT       http://localhost:4317/             default
        OTEL_EXPORTER_OTLP_PROTOCOL       grpc                               default
        OTEL_EXPORTER_OTLP_HEADERS        none                               default
        OTEL_RESOURCE_ATTRIBUTES          none                               default
        OTEL_SDK_DISABLED                 false                              default
    ");
}

/// A variable for nearly every setting.
const EVERYTHING: [&str; 32] = [
    "LLM_MODEL_PATH=/models",
    "LLM_ALLOWED_MODELS=demo, acme/large",
    "LLM_INFERENCE_HOSTNAME=127.0.0.1",
    "LLM_INFERENCE_PORT=9000",
    "CORS_ALLOWED_ORIGINS=https://a.example,https://b.example",
    "TRUSTED_HOSTS=*.example.org",
    "TRUSTED_PROXIES=10.0.0.0/8",
    "SERVER_SSL_ENABLED=true",
    "TLS_SERVER_CERT_PATH=/tls/server.pem",
    "TLS_SERVER_KEY_PATH=/tls/server.key",
    "LLM_MAX_BODY_BYTES=1MiB",
    "LLM_MAX_CONNECTIONS=5",
    "LLM_DEFAULT_TEMPERATURE=0",
    "LLM_DEFAULT_TOP_P=1",
    "LLM_DEFAULT_MAX_TOKENS=100",
    "LLM_MAX_TOKENS_LIMIT=200",
    "LLM_DEFAULT_MAX_LENGTH=20",
    "LLM_MAX_PROMPT_LENGTH=4096",
    "LLM_MAX_CONCURRENT_REQUESTS=3",
    "LLM_MAX_QUEUED_REQUESTS=0",
    "LLM_QUEUE_TIMEOUT_MS=250",
    "LLM_QUANTIZATION=q8_0",
    "LLM_KV_CACHE_BYTES=512MiB",
    "LLM_KV_CACHE_TYPE=int8",
    "LLM_THREADS=2",
    "LLM_SPECULATION=draft",
    "LLM_SPECULATION_TOKENS=5",
    "LLM_DRAFT_MODEL=acme/small",
    "LLM_SHUTDOWN_GRACE_MS=1000",
    "LOG_FORMAT=pretty",
    "LOG_LEVEL=warn",
    "API_WORKERS=1",
];

#[test]
fn everything_said_by_variables() {
    let settings = resolved("", &EVERYTHING);
    insta::assert_snapshot!(show(&settings), @r"
        LLM_CONFIG                        none                                  default
        --model                           none                                  default
        LLM_MODEL_PATH                    /models                               environment (LLM_MODEL_PATH)
        LLM_ALLOWED_MODELS                demo, acme/large                      environment (LLM_ALLOWED_MODELS)
        LLM_MODEL_MEMORY_BYTES            6871947672 (6.4 GiB)                  default
        LLM_ADAPTER_ROOT                  none                                  default
        LLM_ADAPTER_MEMORY_BYTES          1073741824 (1.0 GiB)                  default
        LLM_INFERENCE_HOSTNAME            127.0.0.1                             environment (LLM_INFERENCE_HOSTNAME)
        LLM_INFERENCE_PORT                9000                                  environment (LLM_INFERENCE_PORT)
        CORS_ALLOWED_ORIGINS              https://a.example, https://b.example  environment (CORS_ALLOWED_ORIGINS)
        TRUSTED_HOSTS                     *.example.org                         environment (TRUSTED_HOSTS)
        TRUSTED_PROXIES                   10.0.0.0/8                            environment (TRUSTED_PROXIES)
        LLM_METRICS_NEED_KEY              false                                 default
        SERVER_SSL_ENABLED                true                                  environment (SERVER_SSL_ENABLED)
        TLS_SERVER_CERT_PATH              /tls/server.pem                       environment (TLS_SERVER_CERT_PATH)
        TLS_SERVER_KEY_PATH               /tls/server.key                       environment (TLS_SERVER_KEY_PATH)
        LLM_MAX_BODY_BYTES                1048576 (1.0 MiB)                     environment (LLM_MAX_BODY_BYTES)
        LLM_MAX_CONNECTIONS               5                                     environment (LLM_MAX_CONNECTIONS)
        API_WORKERS                       1                                     environment (API_WORKERS)
        LLM_SHUTDOWN_GRACE_MS             1000                                  environment (LLM_SHUTDOWN_GRACE_MS)
        LLM_DEFAULT_TEMPERATURE           0                                     environment (LLM_DEFAULT_TEMPERATURE)
        LLM_DEFAULT_TOP_P                 1                                     environment (LLM_DEFAULT_TOP_P)
        LLM_DEFAULT_MAX_TOKENS            100                                   environment (LLM_DEFAULT_MAX_TOKENS)
        LLM_MAX_TOKENS_LIMIT              200                                   environment (LLM_MAX_TOKENS_LIMIT)
        LLM_DEFAULT_MAX_LENGTH            20                                    environment (LLM_DEFAULT_MAX_LENGTH)
        LLM_MAX_PROMPT_LENGTH             4096                                  environment (LLM_MAX_PROMPT_LENGTH)
        LLM_MAX_CONCURRENT_REQUESTS       3                                     environment (LLM_MAX_CONCURRENT_REQUESTS)
        LLM_MAX_QUEUED_REQUESTS           0                                     environment (LLM_MAX_QUEUED_REQUESTS)
        LLM_QUEUE_TIMEOUT_MS              250                                   environment (LLM_QUEUE_TIMEOUT_MS)
        LLM_QUANTIZATION                  q8_0                                  environment (LLM_QUANTIZATION)
        LLM_KV_CACHE_BYTES                536870912 (512.0 MiB)                 environment (LLM_KV_CACHE_BYTES)
        LLM_KV_CACHE_TYPE                 int8                                  environment (LLM_KV_CACHE_TYPE)
        LLM_THREADS                       2                                     environment (LLM_THREADS)
        LLM_SPECULATION                   draft                                 environment (LLM_SPECULATION)
        LLM_SPECULATION_TOKENS            5                                     environment (LLM_SPECULATION_TOKENS)
        LLM_DRAFT_MODEL                   acme/small                            environment (LLM_DRAFT_MODEL)
        HF_HOME                           huggingface                           default
        HF_ENDPOINT                       https://huggingface.co                default
        HF_TOKEN                          none                                  default
        HF_HUB_OFFLINE                    false                                 default
        MLFLOW_TRACKING_URI               none                                  default
        MODEL_NAME                        none                                  default
        MODEL_STAGE                       Production                            default
        MLFLOW_REFRESH_SECONDS            60                                    default
        MLFLOW_TRACKING_USERNAME          none                                  default
        MLFLOW_TRACKING_PASSWORD          none                                  default
        MLFLOW_TRACKING_TOKEN             none                                  default
        LLM_SCORER_PATH                   llm-inference-api/scorers             default
        LLM_SCORER_RECORD                 off                                   default
        LLM_SCORER_RECORD_BYTES           67108864 (64.0 MiB)                   default
        API_KEY                           none                                  default
        LLM_API_KEYS_FILE                 none                                  default
        LLM_DATABASE_URL                  accounts.db in the data directory     default
        LLM_DATA_DIR                      llm-inference-api                     default
        LLM_LEDGER_DAYS                   90                                    default
        LLM_ACCOUNTS_REQUIRED             false                                 default
        LLM_LIMIT_IP_REQUESTS_PER_SECOND  50                                    default
        LLM_LIMIT_IP_BURST                100                                   default
        LLM_LIMIT_TOKENS_PER_DAY          10000000                              default
        LLM_LIMIT_REQUESTS_PER_DAY        100000                                default
        LLM_LIMIT_TOKENS_PER_MONTH        300000000                             default
        LLM_LIMIT_REQUESTS_PER_MONTH      none                                  default
        LLM_LIMITS_SHADOW                 false                                 default
        LOG_FORMAT                        pretty                                environment (LOG_FORMAT)
        LOG_LEVEL                         warn                                  environment (LOG_LEVEL)
        SERVICE_NAME                      llm-inference-api                     default
        OTEL_EXPORTER_OTLP_ENDPOINT       http://localhost:4317/                default
        OTEL_EXPORTER_OTLP_PROTOCOL       grpc                                  default
        OTEL_EXPORTER_OTLP_HEADERS        none                                  default
        OTEL_RESOURCE_ATTRIBUTES          none                                  default
        OTEL_SDK_DISABLED                 false                                 default
    ");
    assert!(settings.warnings.is_empty());
}

#[test]
fn flag_before_variable_before_alias_before_default() {
    let both = ["LLM_INFERENCE_PORT=2", "API_PORT=3"];
    for (flags, variables, expected) in [
        ("--port 1", both.as_slice(), "LLM_INFERENCE_PORT | 1 | command line (--port)"),
        ("", &both, "LLM_INFERENCE_PORT | 2 | environment (LLM_INFERENCE_PORT)"),
        ("", &["API_PORT=3"], "LLM_INFERENCE_PORT | 3 | environment (API_PORT)"),
        ("", &["API_PORT="], "LLM_INFERENCE_PORT | 8091 | default"),
    ] {
        assert_eq!(line(flags, variables, "LLM_INFERENCE_PORT"), expected);
    }
}

#[test]
fn debug_is_a_short_way_to_say_a_level() {
    for (flags, variables, expected) in [
        ("", ["DEBUG=true"].as_slice(), "LOG_LEVEL | debug | environment (DEBUG)"),
        ("", &["DEBUG=false"], "LOG_LEVEL | info | default"),
        ("", &["DEBUG=1", "LOG_LEVEL=error"], "LOG_LEVEL | error | environment (LOG_LEVEL)"),
        ("--debug", &["LOG_LEVEL=error"], "LOG_LEVEL | debug | command line (--debug)"),
        ("--debug --log-level trace", &[], "LOG_LEVEL | trace | command line (--log-level)"),
    ] {
        assert_eq!(line(flags, variables, "LOG_LEVEL"), expected);
    }
}

#[test]
fn a_lower_limit_lowers_the_default() {
    let shown = line("--max-tokens-limit 64", &[], "LLM_DEFAULT_MAX_TOKENS");
    assert_eq!(shown, "LLM_DEFAULT_MAX_TOKENS | 64 | default");
}

#[test]
fn all_that_cannot_be_read_is_named_at_once() {
    insta::assert_snapshot!(
        refused(&["LLM_INFERENCE_PORT=http", "LLM_DEFAULT_TEMPERATURE=3", "LLM_KV_CACHE_BYTES=4G", "DEBUG=maybe"]),
        @r#"
        LLM_DEFAULT_TEMPERATURE="3": expected a number from 0 to 2
        LLM_KV_CACHE_BYTES="4G": expected bytes, or a number with KB, MB, GB, KiB, MiB or GiB, as 512MiB
        LLM_INFERENCE_PORT="http": expected a port from 1 to 65535, or 0 for any that is free
        DEBUG="maybe": expected true or false
    "#
    );
}

#[test]
fn a_default_over_the_limit_is_refused() {
    insta::assert_snapshot!(refused(&["LLM_DEFAULT_MAX_TOKENS=500", "LLM_MAX_TOKENS_LIMIT=100"]), @"LLM_DEFAULT_MAX_TOKENS is 500, more than the 100 of LLM_MAX_TOKENS_LIMIT");
}

#[test]
fn a_draft_model_that_is_named_is_used() {
    let shown = line("--draft-model small.gguf", &[], "LLM_SPECULATION ");
    assert_eq!(shown, "LLM_SPECULATION | draft | default");
    let settings = resolved("--speculation ngram", &["LLM_DRAFT_MODEL=small.gguf"]);
    insta::assert_snapshot!(settings.warnings.join("\n"), @"LLM_DRAFT_MODEL is set, but --speculation says not to use it");
}

#[test]
fn drafts_without_a_model_are_refused() {
    insta::assert_snapshot!(refused(&["LLM_SPECULATION=draft"]), @"LLM_SPECULATION is draft, but no model is named to draft; name a smaller one of the same vocabulary with LLM_DRAFT_MODEL or --draft-model, or set LLM_SPECULATION to ngram, which needs none");
}

#[test]
fn tls_needs_both_its_files() {
    let refusal = refused(&["SERVER_SSL_ENABLED=true"]);
    for file in ["TLS_SERVER_CERT_PATH or --tls-certificate", "TLS_SERVER_KEY_PATH or --tls-key"] {
        assert!(refusal.contains(file), "{refusal}");
    }
    let settings = resolved("--tls-key k.pem", &["SERVER_SSL_ENABLED=yes", "TLS_SERVER_CERT_PATH=/etc/tls/c.pem"]);
    assert!(settings.http.tls.value && settings.warnings.is_empty());
    // A command that serves nobody needs none.
    assert!(resolved_for(Purpose::Answer, "", &["SERVER_SSL_ENABLED=true"]).is_ok());
    let warnings = resolved("", &["TLS_SERVER_CERT_PATH=c.pem"]).warnings.join("\n");
    assert!(warnings.contains("speaks plain HTTP as long as SERVER_SSL_ENABLED is not true"), "{warnings}");
}

#[test]
fn hosts_and_proxies_are_names_and_networks() {
    let settings = resolved("--trusted-hosts Api.example.org,*.internal", &["TRUSTED_PROXIES=10.0.0.0/8, ::1"]);
    assert_eq!(settings.http.trusted_hosts.value.to_string(), "api.example.org, *.internal");
    assert_eq!(settings.http.trusted_proxies.value.to_string(), "10.0.0.0/8, ::1/128");
    let refusal = refused(&["TRUSTED_HOSTS=https://a", "TRUSTED_PROXIES=10.0.0.0/33"]);
    assert!(refusal.contains("expected host names as") && refusal.contains("expected networks as"), "{refusal}");
}

#[test]
fn what_has_no_effect_yet_or_no_meaning_is_said_once_and_without_its_value() {
    let settings = resolved("", &["CUDA_VISIBLE_DEVICES=/secret", "LLM_MAX_TOKEN_LIMIT=5", "OTEL_EXPORTER_OTLP_TIMEOUT=5"]);
    insta::assert_snapshot!(settings.warnings.join("\n"), @r"
        set, but without effect in this version: CUDA_VISIBLE_DEVICES, OTEL_EXPORTER_OTLP_TIMEOUT
        LLM_MAX_TOKEN_LIMIT is set, but there is no setting of this name; did you mean LLM_MAX_TOKENS_LIMIT?
    ");
}

#[test]
fn a_command_logs_trouble_only() {
    let settings = resolved_for(Purpose::Answer, "", &[]).unwrap();
    assert!(show(&settings).contains("warn"));
}

#[test]
fn a_flag_that_cannot_be_read_says_what_was_expected() {
    let error = Flags::try_parse_from(["server", "--kv-cache-bytes", "4G"]).unwrap_err();
    insta::assert_snapshot!(error.to_string().lines().next().unwrap_or_default(), @"error: invalid value '4G' for '--kv-cache-bytes <BYTES>': expected bytes, or a number with KB, MB, GB, KiB, MiB or GiB, as 512MiB");
}

const FILE: &str = "\
api:
  port: 4
  cors_allowed_origins: ['https://a.example', 'https://b.example']
model:
  batch_size: 3
  allowed: '*'
telemetry: {debug: true}
";

#[test]
fn a_file_goes_before_the_default_and_after_all_else() {
    for (flags, variables, expected) in [
        ("--port 1", ["API_PORT=3"].as_slice(), "LLM_INFERENCE_PORT | 1 | command line (--port)"),
        ("", &["API_PORT=3"], "LLM_INFERENCE_PORT | 3 | environment (API_PORT)"),
        ("", &[], "LLM_INFERENCE_PORT | 4 | file (serving_config.yaml:2)"),
    ] {
        assert_eq!(line_with(FILE, flags, variables, "LLM_INFERENCE_PORT"), expected);
    }
    let lines = ["CORS", "LLM_MAX_CONCURRENT_REQUESTS", "LLM_ALLOWED_MODELS", "LOG_LEVEL"]
        .map(|name| line_with(FILE, "", &[], name));
    insta::assert_snapshot!(lines.join("\n"), @r"
        CORS_ALLOWED_ORIGINS | https://a.example, https://b.example | file (serving_config.yaml:3)
        LLM_MAX_CONCURRENT_REQUESTS | 3 | file (serving_config.yaml:5)
        LLM_ALLOWED_MODELS | * | file (serving_config.yaml:6)
        LOG_LEVEL | debug | file (serving_config.yaml:7)
    ");
}

#[test]
fn all_sources_are_told_of_together() {
    let file = "api: {prot: 1, workers: 0}\nmodel: {batch_size: [1], max_tokens: 100, default_max_tokens: 200}\nengine: {threads: '${N}'}";
    let problems =
        resolved_with(file, Purpose::Serve, "", &["LLM_INFERENCE_PORT=http", "N=many", "TRUSTED_HOSTS=example.org"])
            .unwrap_err();
    insta::assert_snapshot!(problems, @r#"
        serving_config.yaml:1: there is no key api.prot; did you mean api.port?
        serving_config.yaml:1: api.workers is "0", expected a whole number, 1 to 1024
        serving_config.yaml:2: model.batch_size is a list, expected a whole number, at least 1
        serving_config.yaml:3: engine.threads is "${N}" (what that stands for is not shown), expected a whole number, 1 to 1024
        model.default_max_tokens (serving_config.yaml:2) is 200, more than the 100 of model.max_tokens (serving_config.yaml:2)
        LLM_INFERENCE_PORT="http": expected a port from 1 to 65535, or 0 for any that is free
    "#);
}

#[test]
fn scorers_lie_in_the_data_directory_unless_it_is_said_where() {
    let directory = |file: &str, variables: &[&str]| {
        resolved_with(file, Purpose::Answer, "", variables).unwrap().scorers.directory.value
    };
    assert_eq!(directory("", &["LLM_DATA_DIR=/d"]), PathBuf::from("/d/scorers"));
    assert_eq!(directory("scorers: {directory: mine}", &["LLM_DATA_DIR=/d"]), PathBuf::from("mine"));
    assert_eq!(directory("scorers: {directory: mine}", &["LLM_SCORER_PATH=/s"]), PathBuf::from("/s"));
}

#[test]
fn a_models_own_maximum_goes_above_the_default_and_not_above_what_was_said() {
    let file = "models:\n  - {id: long, source: embedded, max_tokens: 8192}\n  - {id: short, source: embedded}";
    let settings = resolved_with(file, Purpose::Serve, "", &[]).unwrap();
    let limits = [settings.generation.max_tokens_limit.value, settings.generation.max_tokens_unsaid.unwrap()];
    assert_eq!((limits.map(std::num::NonZeroU32::get), settings.warnings.len()), ([8192, 4096], 0));
    let settings = resolved_with(file, Purpose::Serve, "--max-tokens-limit 2048", &[]).unwrap();
    assert_eq!((settings.generation.max_tokens_limit.value.get(), settings.generation.max_tokens_unsaid), (2048, None));
    insta::assert_snapshot!(settings.warnings.join("\n"), @"serving_config.yaml:2: long says max_tokens 8192, but --max-tokens-limit allows 2048 to no request");
}

#[test]
fn a_models_own_quantization_goes_before_that_of_all() {
    let file = "model: {quantization: q8_0}\nmodels:\n  - {id: a, source: embedded, quantization: q4_0}\n  - {id: b, source: embedded}";
    let settings = resolved_with(file, Purpose::Serve, "", &[]).unwrap();
    assert_eq!(["a", "b"].map(|id| settings.engine_of(id).quantization.value.name()), ["q4_0", "q8_0"]);
}

#[test]
fn a_collector_is_named_in_the_words_of_opentelemetry() {
    let variables = ["OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "OTEL_EXPORTER_OTLP_HEADERS=x-key=secret,half"];
    let settings = resolved("--otlp-endpoint none --service-name mine", &variables);
    let lines = ["SERVICE_NAME", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS"]
        .map(|name| line("--otlp-endpoint none --service-name mine", &variables, name));
    insta::assert_snapshot!(lines.join("\n"), @r"
        SERVICE_NAME | mine | command line (--service-name)
        OTEL_EXPORTER_OTLP_ENDPOINT | none | command line (--otlp-endpoint)
        OTEL_EXPORTER_OTLP_HEADERS | x-key=… | environment (OTEL_EXPORTER_OTLP_HEADERS)
    ");
    insta::assert_snapshot!(settings.warnings.join("\n"), @"1 of the headers in OTEL_EXPORTER_OTLP_HEADERS are not name=value and are left out");
    let port = line("", &variables, "OTEL_EXPORTER_OTLP_ENDPOINT");
    assert_eq!(port, "OTEL_EXPORTER_OTLP_ENDPOINT | http://localhost:4318/ | default");
}

#[test]
fn more_threads_than_processors_are_warned_of() {
    let warnings = |flags: &str| resolved(flags, &[]).warnings;
    insta::assert_snapshot!(warnings("--threads 64").join("\n"), @"--threads is 64, and this process has 8 processors: more threads are slower");
    assert_eq!(warnings("--threads 1"), Vec::<String>::new());
}

#[test]
fn a_secret_is_shown_nowhere() {
    let settings = resolved("", &["API_KEY=top-secret", "LLM_DATABASE_URL=postgres://user:top-secret@host/database"]);
    let shown = format!("{settings:?}\n{}", show(&settings));
    assert!(!shown.contains("top-secret") && shown.contains("(hidden)"), "{shown}");
}

#[test]
fn a_secret_that_is_refused_is_shown_nowhere_either() {
    let variables = ["API_KEY=top\nsecret", "LLM_DATABASE_URL=mysql://user:secret@host/database", "HF_TOKEN= "];
    insta::assert_snapshot!(refused(&variables), @r#"
        API_KEY="…": expected a text of one line
        LLM_DATABASE_URL="…": expected an address that begins with sqlite: or postgres:
    "#);
    let flags = "--database-url postgres --api-key \u{7}secret";
    insta::assert_snapshot!(resolved_for(Purpose::Serve, flags, &[]).unwrap_err().to_string(), @r#"
        --api-key="…": expected a text of one line
        --database-url="…": expected an address that begins with sqlite: or postgres:
    "#);
}

#[test]
fn limits_are_numbers_or_none() {
    let settings = resolved("--tokens-per-day none", &["LLM_LIMIT_REQUESTS_PER_DAY=0"]);
    assert_eq!(settings.limits.tokens_per_day.value, parse::Allowance(None));
    assert_eq!(settings.limits.requests_per_day.value, parse::Allowance(Some(0)));
    assert_eq!(settings.limits.tokens_per_month.value, parse::Allowance(Some(300_000_000)));
    insta::assert_snapshot!(refused(&["LLM_LIMIT_TOKENS_PER_DAY=many"]), @r#"LLM_LIMIT_TOKENS_PER_DAY="many": expected a whole number, or none"#);
}

#[test]
fn mlflows_variables_alone_name_a_model_to_serve() {
    let variables = ["MODEL_NAME=custom-llm", "MLFLOW_TRACKING_URI=http://me:secret@mlflow:5000"];
    let settings = resolved("", &variables);
    let [model] = settings.models.declared.as_slice() else { panic!("{:?}", settings.models.declared) };
    assert_eq!(
        (model.id.as_str(), model.source.to_string().as_str()),
        ("custom-llm", "mlflow:models:/custom-llm/Production")
    );
    let said = line("", &variables, "MLFLOW_TRACKING_URI");
    assert!(said.contains("http://(hidden)@mlflow:5000") && !said.contains("secret"), "{said}");
    let file = "mlflow: {tracking_uri: 'http://mlflow:5000', model_name: sql, model_stage: Staging}\nmodels: [{id: a, source: embedded}]";
    let settings = resolved_with(file, Purpose::Serve, "--mlflow-model-stage latest", &[]).unwrap();
    let sources: Vec<_> = settings.models.declared.iter().map(|model| model.source.to_string()).collect();
    assert_eq!(sources, ["mlflow:models:/sql/latest", "embedded"]);
}

#[test]
fn a_model_of_mlflow_needs_to_know_where_that_is() {
    insta::assert_snapshot!(refused(&["MODEL_NAME=custom-llm"]), @r#"MODEL_NAME: the model "custom-llm" is to come from MLflow, and nobody says where that is; MLFLOW_TRACKING_URI has to name it, as http://localhost:5000"#);
    insta::assert_snapshot!(refused(&["MODEL_NAME=a/b", "MLFLOW_TRACKING_URI=http://mlflow:5000"]), @"MODEL_NAME and MODEL_STAGE together are no model of MLflow, expected a name and a stage without slashes, as custom-llm and Production");
    insta::assert_snapshot!(refused(&["MODEL_NAME=custom-llm", "MLFLOW_TRACKING_URI=file:///secret"]), @r#"MODEL_NAME: the model "custom-llm" is to come from MLflow, and MLFLOW_TRACKING_URI is no address of a server, as http://localhost:5000"#);
    assert!(resolved_for(Purpose::Serve, "", &["MLFLOW_TRACKING_URI=databricks"]).is_ok(), "no model comes from it");
    let file = "models: [{id: a, source: 'mlflow:models:/a@best'}]";
    insta::assert_snapshot!(resolved_with(file, Purpose::Serve, "", &[]).unwrap_err().to_string(), @r#"serving_config.yaml:1: the model "a" is to come from MLflow, and nobody says where that is; MLFLOW_TRACKING_URI has to name it, as http://localhost:5000"#);
}

#[test]
fn what_the_hub_needs_is_where_its_own_client_has_it() {
    let settings =
        resolved("", &["HOME=/u/me", "HF_TOKEN=secret", "HF_HUB_OFFLINE=1", "HF_ENDPOINT=https://mirror.example/"]);
    assert_eq!(settings.registry.home.value, PathBuf::from("/u/me/.cache/huggingface"));
    assert_eq!(settings.registry.endpoint.value, "https://mirror.example");
    assert!(settings.registry.offline.value && !show(&settings).contains("secret"));
    assert_eq!(resolved("", &["XDG_CACHE_HOME=/x"]).registry.home.value, PathBuf::from("/x/huggingface"));
    assert_eq!(resolved("--hf-home /h", &["HF_HOME=/x"]).registry.home.value, PathBuf::from("/h"));
}
