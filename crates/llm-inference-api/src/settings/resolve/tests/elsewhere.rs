//! Other servers: those that keep models, and the collector.

use std::path::PathBuf;

use super::{line, refused, resolved, resolved_for, resolved_with};
use crate::settings::{Purpose, show};

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
