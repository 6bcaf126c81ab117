//! What is shown of all settings: where each comes from, and no secret.

use super::{refused, resolved, resolved_for};
use crate::settings::{Purpose, show};

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
fn a_command_logs_trouble_only() {
    let settings = resolved_for(Purpose::Answer, "", &[]).unwrap();
    assert!(show(&settings).contains("warn"));
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
