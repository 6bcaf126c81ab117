//! What the log says of a request, and what it never says.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, Once};

use axum::body::Body;
use axum::http::Request;
use backend::Error;
use serde_json::{Value, json};
use serving::Model;
use telemetry::logs::{Format, LogSettings, subscriber};
use testkit::{Reply, Scripted, TestApp, events, post};
use tracing::Level;
use tracing::subscriber::DefaultGuard;

use crate::{CHAT, chat_with};

/// Whether anybody wants what is logged somewhere is found out once, for the whole process. With a listener for all of it that stays to
/// the end, it does not depend on which tests happen to run beside this one.
static LISTENER: Once = Once::new();

/// Everything that this test's thread logs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn start(format: Format, level: Level) -> (Self, DefaultGuard) {
        LISTENER.call_once(|| {
            let everything = LogSettings { format: Format::Json, level: Some(Level::TRACE), ansi: false };
            tracing::subscriber::set_global_default(subscriber(everything, io::sink)).unwrap();
        });
        let log = Self::default();
        let writer = log.clone();
        let settings = LogSettings { format, level: Some(level), ansi: false };
        let guard = tracing::subscriber::set_default(subscriber(settings, move || writer.clone()));
        (log, guard)
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn lines(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The lines about requests, without what differs from run to run.
    fn answered(&self) -> String {
        let lines = self.lines().into_iter().filter(|line| line["message"] == "answered").map(|mut line| {
            let fields = line.as_object_mut().unwrap();
            for name in ["timestamp", "target", "message"] {
                assert!(fields.shift_remove(name).is_some(), "{name} is missing");
            }
            line.to_string()
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn chat(id: &str, fields: Value) -> Request<Body> {
    let mut request = post(CHAT, chat_with(fields).to_string());
    request.headers_mut().insert("x-request-id", id.parse().unwrap());
    request
}

#[tokio::test(start_paused = true)]
async fn a_request_is_one_line_however_it_ends() {
    let (log, _guard) = Log::start(Format::Json, Level::INFO);
    let backend = Scripted::new("demo");
    let failing =
        vec![Ok(events::prompt(5)), Ok(events::text(0, "Hi")), Err(backend::Error::Upstream { reason: "gone".into() })];
    let full = backend::Error::QueueFull { reason: "full", retry_after: std::time::Duration::ZERO };
    backend
        .reply(Reply::text(&["Hi", "!"]))
        .reply(Reply::text(&["Hi", "!"]))
        .reply(Reply::Events(failing))
        .reply(Reply::Refuse(full))
        .reply(Reply::text(&["Hi"]));
    let app = TestApp::new(&backend);
    app.send(chat("whole", json!({}))).await;
    app.send(chat("stream", json!({"stream": true}))).await;
    app.send(chat("failed-stream", json!({"stream": true}))).await;
    app.send(chat("refused", json!({}))).await;
    drop(app.open(chat("hung-up", json!({"stream": true}))).await);
    app.send(chat("unknown-model", json!({"model": "whatever"}))).await;
    insta::assert_snapshot!(log.answered(), @r#"
        {"level":"INFO","http.request.method":"POST","http.route":"/v1/chat/completions","http.response.status_code":200,"http.response.body.size":380,"duration":0.0,"gen_ai.request.model":"demo","gen_ai.usage.input_tokens":5,"gen_ai.usage.output_tokens":2,"time_to_first_token":0.0,"request_id":"whole"}
        {"level":"INFO","http.request.method":"POST","http.route":"/v1/chat/completions","http.response.status_code":200,"http.response.body.size":994,"duration":0.0,"gen_ai.request.model":"demo","gen_ai.usage.input_tokens":5,"gen_ai.usage.output_tokens":2,"time_to_first_token":0.0,"request_id":"stream"}
        {"level":"INFO","http.request.method":"POST","http.route":"/v1/chat/completions","http.response.status_code":502,"http.response.body.size":650,"duration":0.0,"error.type":"upstream_error","gen_ai.request.model":"demo","gen_ai.usage.input_tokens":5,"gen_ai.usage.output_tokens":1,"time_to_first_token":0.0,"request_id":"failed-stream"}
        {"level":"INFO","http.request.method":"POST","http.route":"/v1/chat/completions","http.response.status_code":429,"http.response.body.size":105,"duration":0.0,"error.type":"queue_full","gen_ai.request.model":"demo","gen_ai.usage.input_tokens":0,"gen_ai.usage.output_tokens":0,"request_id":"refused"}
        {"level":"INFO","http.request.method":"POST","http.route":"/v1/chat/completions","http.response.status_code":200,"http.response.body.size":0,"duration":0.0,"error.type":"client_gone","gen_ai.request.model":"demo","gen_ai.usage.input_tokens":5,"gen_ai.usage.output_tokens":1,"request_id":"hung-up"}
        {"level":"INFO","http.request.method":"POST","http.route":"/v1/chat/completions","http.response.status_code":404,"http.response.body.size":150,"duration":0.0,"error.type":"not_found","request_id":"unknown-model"}
    "#);
}

#[tokio::test]
async fn a_line_of_json_has_its_time_in_utc() {
    let (log, _guard) = Log::start(Format::Json, Level::INFO);
    TestApp::new(&Scripted::new("demo")).get("/v1/models").await.ok();
    let [line] = &log.lines()[..] else { panic!("{}", log.text()) };
    let time = line["timestamp"].as_str().unwrap();
    assert!(time.ends_with('Z') && time.parse::<jiff::Timestamp>().is_ok(), "{time}");
}

#[tokio::test]
async fn probes_are_told_to_those_who_debug() {
    let (log, _guard) = Log::start(Format::Json, Level::DEBUG);
    let app = TestApp::new(&Scripted::new("demo"));
    for path in ["/health", "/health/live", "/health/ready", "/metrics"] {
        app.get(path).await;
    }
    let levels: Vec<_> = log.lines().iter().map(|line| line["level"].clone()).collect();
    assert_eq!(levels, ["DEBUG"; 4]);
}

#[tokio::test]
async fn a_head_without_its_body_is_no_client_that_went() {
    let (log, _guard) = Log::start(Format::Json, Level::INFO);
    let app = TestApp::new(&Scripted::new("demo"));
    app.send(Request::head("/v1/models").header("host", "test").body(Body::empty()).unwrap()).await.ok();
    let [line] = &log.lines()[..] else { panic!("{}", log.text()) };
    assert_eq!((&line["http.response.status_code"], line.get("error.type")), (&json!(200), None));
}

#[tokio::test]
async fn a_bug_is_told_once_with_the_id_of_its_request() {
    for stream in [false, true] {
        let (log, _guard) = Log::start(Format::Json, Level::INFO);
        let backend = Scripted::new("demo");
        backend.reply(Reply::Events(vec![Ok(events::prompt(5)), Err(backend::Error::internal("the cause"))]));
        TestApp::new(&backend).send(chat("its-id", json!({ "stream": stream }))).await;
        let bugs: Vec<_> = log.lines().into_iter().filter(|line| line.to_string().contains("the cause")).collect();
        assert_eq!(bugs.len(), 1, "{}", log.text());
        assert_eq!((&bugs[0]["level"], &bugs[0]["span"]["request_id"]), (&json!("ERROR"), &json!("its-id")));
    }
}

#[tokio::test]
async fn a_callers_trace_is_in_the_line() {
    let (log, _guard) = Log::start(Format::Json, Level::INFO);
    let mut request = chat("its-id", json!({"model": "whatever"}));
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    request.headers_mut().insert("traceparent", parent.parse().unwrap());
    TestApp::new(&Scripted::new("demo")).send(request).await;
    assert_eq!(log.lines()[0]["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
}

#[tokio::test]
async fn no_content_no_key_and_no_query_is_logged_at_any_level() {
    for format in [Format::Json, Format::Pretty] {
        let (log, _guard) = Log::start(format, Level::TRACE);
        let backend = Scripted::new("demo");
        backend.reply(Reply::text(&["SECRET-answer"])).reply(Reply::text(&["SECRET-answer"]));
        let app = TestApp::new(&backend);
        for stream in [false, true] {
            let body =
                json!({"messages": [{"role": "user", "content": "SECRET-prompt"}], "user": "SECRET-user", "stream": stream});
            let mut request = chat("shown", body);
            request.headers_mut().insert("authorization", "Bearer SECRET-key".parse().unwrap());
            request.headers_mut().insert("x-api-key", "SECRET-key".parse().unwrap());
            *request.uri_mut() = format!("{CHAT}?q=SECRET-query").parse().unwrap();
            app.send(request).await.ok();
        }
        app.post_text(CHAT, "{\"model\": \"SECRET-broken").await;
        app.get("/SECRET-path?q=SECRET-query").await;
        app.post(CHAT, &chat_with(json!({"model": "SECRET-model"}))).await;
        app.post(CHAT, &chat_with(json!({"SECRET-field": "SECRET-value"}))).await;
        let text = log.text();
        assert_eq!(text.matches("answered").count(), 6, "{text}");
        assert!(text.contains("shown") && !text.contains("SECRET"), "{text}");
    }
}

#[tokio::test]
async fn a_request_that_another_model_answers_has_not_failed() {
    let (log, _guard) = Log::start(Format::Json, Level::INFO);
    let (demo, other) = (Scripted::new("demo"), Scripted::new("other"));
    demo.reply(Reply::Refuse(Error::Upstream { reason: "it hung up".into() }));
    other.reply(Reply::text(&["Hi"]));
    let demo = Model { fallbacks: vec!["other".into()], ..Model::new(Arc::new(demo)) };
    let app = TestApp::with_models(vec![demo, Model::new(Arc::new(other))]);
    app.post(CHAT, &chat_with(json!({}))).await.ok();
    let answered = log.answered();
    assert!(answered.contains("\"gen_ai.usage.output_tokens\":1") && !answered.contains("error"), "{answered}");
}
