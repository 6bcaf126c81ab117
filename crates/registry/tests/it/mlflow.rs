//! MLflow: which version is meant, which of its files are taken, and what goes wrong.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use registry::{
    Access, Entry, FetchError, Fetched, Hub, HubSettings, Kind, MlFlow, MlFlowSettings, Origin, Patience, Source, Sources,
    Token,
};
use tempfile::TempDir;

use crate::server::{Answer, Server};

const WEIGHTS: &[u8] = b"weights weights weights";
const API: &str = "GET /api/2.0/mlflow";
const FILES: &str = "/api/2.0/mlflow-artifacts/artifacts";
const PLACE: &str = "0/models/m-1/artifacts";

/// A registry with the model `sql`, of which version 3 is in production, as `mlflow.transformers` logs it.
struct World {
    server: Server,
    data: TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self { server: Server::start(), data: tempfile::tempdir().unwrap() };
        world.says(
            "registered-models/get-latest-versions?name=sql&stages=Production",
            r#"{"model_versions": [{"version": "3"}]}"#,
        );
        world.says(
            "registered-models/get-latest-versions?name=sql",
            r#"{"model_versions": [{"version": "9"}, {"version": "10"}, {"version": "3"}]}"#,
        );
        world.says("registered-models/alias?name=sql&alias=champion", r#"{"model_version": {"version": "3"}}"#);
        world.says("model-versions/get?name=sql&version=3", r#"{"model_version": {"version": "3"}}"#);
        world.says(
            "logged-models/m-1?",
            &format!(r#"{{"model": {{"info": {{"artifact_uri": "mlflow-artifacts:/{PLACE}"}}}}}}"#),
        );
        world.is_at("3", &format!("mlflow-artifacts:/{PLACE}"));
        world.is_at("10", &format!("mlflow-artifacts:/{PLACE}"));
        world.lists("", &[("MLmodel", None), ("model", Some("/")), ("components", Some("/"))]);
        world.lists("/components", &[("tokenizer", Some("/"))]);
        world.lists("/components/tokenizer", &[("tokenizer.json", Some("2"))]);
        world.lists("/model", &[("config.json", Some("2")), ("model.safetensors", Some("23"))]);
        world.holds("components/tokenizer/tokenizer.json", b"{}");
        world.holds("model/config.json", b"{}");
        world.holds("model/model.safetensors", WEIGHTS);
        world
    }

    fn says(&self, call: &str, answer: &str) {
        self.server.on(format!("{API}/{call}"), [Answer::new(200, answer)]);
    }

    fn is_at(&self, version: &str, place: &str) {
        self.says(
            &format!("model-versions/get-download-uri?name=sql&version={version}"),
            &format!(r#"{{"artifact_uri": "{place}"}}"#),
        );
    }

    /// (name, bytes, or `/` for a directory)
    fn lists(&self, directory: &str, files: &[(&str, Option<&str>)]) {
        let files = files.iter().map(|(name, size)| match size {
            Some("/") => format!(r#"{{"path": "{name}", "is_dir": true}}"#),
            size => format!(r#"{{"path": "{name}", "is_dir": false, "file_size": {}}}"#, size.unwrap_or("0")),
        });
        let files = files.collect::<Vec<_>>().join(",");
        self.server
            .on(format!("GET {FILES}?path={PLACE}{directory}"), [Answer::new(200, format!(r#"{{"files": [{files}]}}"#))]);
    }

    /// Version 3 is another model, with files of the same length.
    fn is_made_anew(&self) {
        let place = "0/models/m-2/artifacts";
        self.is_at("3", &format!("mlflow-artifacts:/{place}"));
        let lists = |directory: &str, files: &str| {
            let answer = Answer::new(200, format!(r#"{{"files": [{files}]}}"#));
            self.server.on(format!("GET {FILES}?path={place}{directory}"), [answer]);
        };
        lists("", r#"{"path": "model", "is_dir": true}"#);
        lists("/model", r#"{"path": "config.json", "file_size": 2}, {"path": "model.safetensors", "file_size": 23}"#);
        self.server.on(format!("GET {FILES}/{place}/model/config.json"), [Answer::new(200, "[]")]);
        let weights = Answer::new(200, WEIGHTS.to_ascii_uppercase());
        self.server.on(format!("GET {FILES}/{place}/model/model.safetensors"), [weights]);
    }

    fn line(file: &str) -> String {
        format!("GET {FILES}/{PLACE}/{file}")
    }

    fn holds(&self, file: &str, bytes: &[u8]) {
        self.server.on(Self::line(file), [Self::file(bytes, "one")]);
    }

    fn file(bytes: &[u8], tag: &str) -> Answer {
        Answer::new(200, bytes).with("etag", format!("\"{tag}\"")).in_parts()
    }

    fn settings(&self) -> MlFlowSettings {
        MlFlowSettings {
            cache: self.data.path().join("mlflow"),
            tracking_uri: Some(self.server.url()),
            access: Access::Anybody,
            patience: Patience { pause: Duration::ZERO, ..Patience::default() },
        }
    }

    /// Without a Hub.
    fn sources(&self) -> Sources {
        let hub = HubSettings {
            cache: self.data.path().join("hub"),
            endpoint: "http://127.0.0.1:1".into(),
            token: None,
            offline: true,
            patience: Patience::default(),
        };
        Sources { hub: Hub::new(hub), mlflow: MlFlow::new(self.settings()) }
    }

    fn fetch(&self, uri: &str) -> Result<Fetched, FetchError> {
        MlFlow::new(self.settings()).fetch(Kind::Model, &uri.parse().unwrap(), &mut |_| {})
    }

    fn told(&self, outcome: Result<Fetched, FetchError>) -> String {
        let text = outcome.unwrap_err().to_string();
        text.replace(&self.server.url().replace("http://", ""), "MLFLOW").replace(self.data.path().to_str().unwrap(), "DATA")
    }
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(directory).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_model_in_production_is_put_together_from_its_parts() {
    let world = World::new();
    let fetched = world.fetch("models:/sql/Production").unwrap();
    assert_eq!(fetched.version, "3");
    assert_eq!(names(&fetched.path), ["config.json", "model.safetensors", "tokenizer.json"]);
    assert_eq!(fs::read(fetched.path.join("model.safetensors")).unwrap(), WEIGHTS);
    let directory = fetched.path.file_name().unwrap().to_str().unwrap().to_owned();
    let beside = [directory.clone(), format!("{directory}.lock"), "about".into(), "places".into(), "refs".into()];
    assert_eq!(names(fetched.path.parent().unwrap()), beside);
}

#[test]
fn what_is_here_is_listed_as_it_was_asked_for_and_given_back() {
    let world = World::new();
    let mlflow = MlFlow::new(world.settings());
    assert_eq!(mlflow.list(), []);
    for uri in ["models:/sql/Production", "models:/sql@champion", "models:/sql/3", "models:/m-1"] {
        world.fetch(uri).unwrap();
    }
    let listed: Vec<_> = world.sources().registered_here().into_iter().map(|entry| (entry.id, entry.size)).collect();
    let bytes = WEIGHTS.len() as u64 + 4;
    let uris = ["models:/m-1", "models:/sql/3", "models:/sql@champion", "models:/sql/production"];
    assert_eq!(listed, uris.map(|uri| (format!("mlflow:{uri}"), bytes)));
    let nowhere = MlFlow::new(MlFlowSettings { tracking_uri: None, ..world.settings() });
    assert!(nowhere.remove("sql").is_err() && nowhere.remove("adapters").is_err(), "of no server");
    let model = "models:/sql/3".parse().unwrap();
    assert!(mlflow.remove("sql").unwrap() > bytes && mlflow.cached(Kind::Model, &model).is_none());
    assert_eq!((mlflow.remove("sql").unwrap(), mlflow.list().len()), (0, 1));
}

#[test]
fn the_files_of_a_run_are_found_where_the_run_has_them() {
    let world = World::new();
    let root = PLACE.strip_suffix("/artifacts").unwrap();
    world.says("runs/get?run_id=r-1", &format!(r#"{{"run": {{"info": {{"artifact_uri": "mlflow-artifacts:/{root}/"}}}}}}"#));
    world.is_at("3", "runs:/r-1/artifacts");
    assert_eq!(names(&world.fetch("models:/sql/3").unwrap().path), ["config.json", "model.safetensors", "tokenizer.json"]);
}

#[test]
fn a_model_that_was_deleted_and_made_anew_is_another() {
    let world = World::new();
    let old = world.fetch("models:/sql/3").unwrap();
    world.is_made_anew();
    let new = world.fetch("models:/sql/3").unwrap();
    assert_eq!((&old.version[..], &new.version[..]), ("3", "3"));
    assert_eq!(fs::read(new.path.join("model.safetensors")).unwrap(), WEIGHTS.to_ascii_uppercase());
    assert_eq!(names(&new.path), ["config.json", "model.safetensors"], "nothing of the other");
    // Somebody may be about to read it.
    assert_eq!(fs::read(old.path.join("model.safetensors")).unwrap(), WEIGHTS);
    assert_eq!(MlFlow::new(world.settings()).cached(Kind::Model, &"models:/sql/3".parse().unwrap()), Some(new));
}

#[test]
fn what_was_trained_comes_with_the_model_beneath_that_was_persisted() {
    let world = World::new();
    world.lists("", &[("model", Some("/")), ("peft", Some("/"))]);
    world.lists("/peft", &[("adapter_config.json", Some("2")), ("adapter_model.safetensors", Some("23"))]);
    world.holds("peft/adapter_config.json", b"{}");
    world.holds("peft/adapter_model.safetensors", WEIGHTS);
    let entry = Entry::new("sql", Source::Origin(Origin::MlFlow("models:/sql/3".parse().unwrap())));
    let (fetched, _) = world.sources().fetch(&entry, &mut |_| {}).unwrap();
    let Source::Path(path) = &fetched.source else { panic!("{fetched:?}") };
    assert_eq!(names(path), ["config.json", "model.safetensors", "peft"]);
    assert_eq!(fetched.adapter, Some(path.join("peft")));
    assert_eq!(names(&path.join("peft")), ["adapter_config.json", "adapter_model.safetensors"]);
    assert_eq!(world.sources().cached(&entry), Some(fetched));
}

#[test]
fn an_adapter_alone_comes_with_what_mlflow_says_of_it() {
    let world = World::new();
    world.lists("", &[("MLmodel", None), ("peft", Some("/"))]);
    world.lists("/peft", &[("adapter_config.json", Some("2")), ("adapter_model.safetensors", Some("23"))]);
    world.holds("MLmodel", b"");
    world.holds("peft/adapter_config.json", b"{}");
    world.holds("peft/adapter_model.safetensors", WEIGHTS);
    let fetched = world.fetch("models:/sql/3").unwrap();
    assert_eq!(names(&fetched.path), ["MLmodel", "adapter_config.json", "adapter_model.safetensors"]);
}

#[test]
fn the_version_of_an_adapter_that_answered_last_is_kept_for_when_a_newer_one_does_not() {
    let world = World::new();
    world.lists("", &[("peft", Some("/"))]);
    world.lists("/peft", &[("adapter_config.json", Some("2")), ("adapter_model.safetensors", Some("23"))]);
    world.holds("peft/adapter_config.json", b"{}");
    world.holds("peft/adapter_model.safetensors", WEIGHTS);
    let (sources, origin) = (world.sources(), Origin::MlFlow("models:/sql/Production".parse().unwrap()));
    assert_eq!(sources.last_good_files(Kind::Adapter, &origin), None);
    let good = sources.fetch_files(Kind::Adapter, &origin, &mut |_| {}).unwrap();
    sources.answers(Kind::Adapter, &origin, &good.version).unwrap();
    let line = "registered-models/get-latest-versions?name=sql&stages=Production";
    world.says(line, r#"{"model_versions": [{"version": "10"}]}"#);
    let newer = sources.fetch_files(Kind::Adapter, &origin, &mut |_| {}).unwrap();
    assert_eq!(newer.version, "10");
    assert_eq!(sources.last_good_files(Kind::Adapter, &origin), Some(good));
    // A model of this name is another matter.
    assert_eq!(sources.mlflow.last_good(Kind::Model, &"models:/sql/Production".parse().unwrap()), None);
}

#[test]
fn half_of_a_model_that_was_deleted_is_not_continued() {
    let world = World::new();
    world.server.on(World::line("model/model.safetensors"), [Answer::new(404, "")]);
    world.fetch("models:/sql/3").unwrap_err();
    world.is_made_anew();
    assert_eq!(fs::read(world.fetch("models:/sql/3").unwrap().path.join("config.json")).unwrap(), b"[]");
}

#[test]
fn every_form_of_a_name_leads_to_a_version() {
    let world = World::new();
    for (uri, version) in [
        ("models:/sql/3", "3"),
        ("models:/sql/latest", "10"),
        ("models:/sql/Production", "3"),
        ("models:/sql@champion", "3"),
        ("models:/m-1", "m-1"),
    ] {
        assert_eq!(world.fetch(uri).unwrap().version, version, "{uri}");
    }
    // Three different ones.
    assert_eq!(world.server.lines().iter().filter(|line| **line == World::line("model/model.safetensors")).count(), 3);
}

#[test]
fn what_is_not_there_is_answered_with_what_is() {
    let world = World::new();
    let missing = || Answer::new(404, r#"{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "not found"}"#);
    world.server.on(format!("{API}/registered-models/get-latest-versions?name=sqll&stages=Production"), [missing()]);
    world.server.on(format!("{API}/registered-models/get?name=sqll"), [missing()]);
    world.says("registered-models/search?max_results=50", r#"{"registered_models": [{"name": "sql"}, {"name": "chat"}]}"#);
    // A stage without a version is no error for MLflow.
    world.says("registered-models/get-latest-versions?name=sql&stages=Staging", "{}");
    let invalid = Answer::new(400, r#"{"error_code": "INVALID_PARAMETER_VALUE", "message": "alias not found"}"#);
    world.server.on(format!("{API}/registered-models/alias?name=sql&alias=best"), [invalid]);
    world.says(
        "registered-models/get?name=sql",
        r#"{"registered_model": {"latest_versions": [{"version": "3", "current_stage": "Production"}], "aliases": [{"alias": "champion", "version": "3"}]}}"#,
    );
    let told =
        ["models:/sqll/Production", "models:/sql/Staging", "models:/sql@best"].map(|uri| world.told(world.fetch(uri)));
    insta::assert_snapshot!(told.join("\n"), @r#"
        there is no model "sqll" in MLflow at MLFLOW; there are: sql, chat
        there is no models:/sql/Staging in MLflow at MLFLOW; there are: version 3 (Production), @champion (version 3)
        there is no models:/sql@best in MLflow at MLFLOW; there are: version 3 (Production), @champion (version 3)
    "#);
}

#[test]
fn who_may_not_ask_is_told_what_to_set() {
    let world = World::new();
    let line = format!("{API}/registered-models/get-latest-versions?name=sql&stages=Production");
    let cases = [
        Answer::new(401, "<html>You are not authenticated.</html>").with("www-authenticate", "Basic realm=\"mlflow\""),
        Answer::new(403, "Invalid Host header - possible DNS rebinding attack detected"),
        Answer::new(200, "<html>A page</html>"),
    ];
    let told = cases.map(|answer| {
        world.server.on(line.clone(), [answer]);
        world.told(world.fetch("models:/sql/Production"))
    });
    insta::assert_snapshot!(told.join("\n"), @r"
        MLFLOW does not let this server in: MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, have to be those of somebody who may read the model
        MLFLOW does not let this server in: it does not know itself by this name; start it with --allowed-hosts and this name: Invalid Host header - possible DNS rebinding attack detected
        what MLFLOW answered makes no sense: it is no JSON; is this the address of an MLflow server?
    ");
}

#[test]
fn a_name_and_password_or_a_token_are_sent_and_never_shown() {
    let world = World::new();
    let sent = |access, uri: &str| {
        let before = world.server.asked().len();
        let settings = MlFlowSettings { access, tracking_uri: Some(uri.into()), ..world.settings() };
        MlFlow::new(settings).fetch(Kind::Model, &"models:/sql/3".parse().unwrap(), &mut |_| {}).unwrap();
        world.server.asked()[before].authorization.clone().unwrap_or_default()
    };
    let url = world.server.url();
    let basic = Access::Basic { user: "me".into(), password: Token::new("secret") };
    assert!(!format!("{basic:?}").contains("secret"));
    assert_eq!(sent(basic, &url), "Basic bWU6c2VjcmV0");
    assert_eq!(sent(Access::Bearer(Token::new("secret")), &url), "Bearer secret");
    assert_eq!(sent(Access::Anybody, &url.replace("http://", "http://me:secret@")), "Basic bWU6c2VjcmV0");
    // `p@ss/word`, as it is written in an address.
    assert_eq!(sent(Access::Anybody, &url.replace("http://", "http://me:p%40ss%2Fword@")), "Basic bWU6cEBzcy93b3Jk");
    assert_eq!(sent(Access::Anybody, &url), "");
}

#[test]
fn the_secret_is_for_the_registry_alone() {
    let (world, store) = (World::new(), Server::start());
    let line = World::line("model/model.safetensors");
    let away = Answer::new(302, "").with("location", format!("{}/stored?signature=x", store.url()));
    world.server.on(line.clone(), [away]);
    store.on("GET /stored?signature=x", [Answer::new(200, WEIGHTS)]);
    let basic = Access::Basic { user: "me".into(), password: Token::new("secret") };
    for (access, uri) in [(basic, "models:/sql/3"), (Access::Bearer(Token::new("secret")), "models:/sql/latest")] {
        let settings = MlFlowSettings { access, ..world.settings() };
        MlFlow::new(settings).fetch(Kind::Model, &uri.parse().unwrap(), &mut |_| {}).unwrap();
    }
    assert!(world.server.asked().iter().all(|asked| asked.authorization.is_some()));
    let stored: Vec<_> = store.asked().into_iter().map(|asked| asked.authorization).collect();
    assert_eq!(stored, [None, None]);
}

#[test]
fn a_connection_that_breaks_off_is_taken_up_where_it_ended() {
    let world = World::new();
    let line = World::line("model/model.safetensors");
    world.server.on(line.clone(), [World::file(WEIGHTS, "one").cut_after(9), World::file(WEIGHTS, "one")]);
    let fetched = world.fetch("models:/sql/3").unwrap();
    assert_eq!(fs::read(fetched.path.join("model.safetensors")).unwrap(), WEIGHTS);
    let ranges: Vec<_> =
        world.server.asked().into_iter().filter(|asked| asked.line == line).map(|asked| asked.range).collect();
    assert_eq!(ranges, [None, Some("bytes=9-".into())]);
}

#[test]
fn a_file_that_has_changed_meanwhile_is_not_put_together_of_both() {
    let world = World::new();
    let other = WEIGHTS.to_ascii_uppercase();
    let changed = || World::file(&other, "two");
    let line = World::line("model/model.safetensors");
    world.server.on(line, [World::file(WEIGHTS, "one").cut_after(9), changed(), changed()]);
    let fetched = world.fetch("models:/sql/3").unwrap();
    assert_eq!(fs::read(fetched.path.join("model.safetensors")).unwrap(), other);
}

#[test]
fn half_a_model_is_never_served() {
    let world = World::new();
    let line = World::line("model/model.safetensors");
    world.server.on(line, [World::file(WEIGHTS, "one").cut_after(9), World::file(WEIGHTS, "one").cut_after(0)]);
    insta::assert_snapshot!(world.told(world.fetch("models:/sql/3")), @"the connection broke off after 9 bytes of model/model.safetensors");
    assert_eq!(MlFlow::new(world.settings()).cached(Kind::Model, &"models:/sql/3".parse().unwrap()), None);
    world.holds("model/model.safetensors", WEIGHTS);
    assert_eq!(world.fetch("models:/sql/3").unwrap().version, "3");
}

#[test]
fn while_the_registry_is_down_what_is_here_is_served_and_said_so() {
    let world = World::new();
    world.fetch("models:/sql/Production").unwrap();
    let line = format!("{API}/registered-models/get-latest-versions?name=sql&stages=Production");
    world.server.on(line, [Answer::new(502, "bad gateway")]);
    let fetched = world.fetch("models:/sql/Production").unwrap();
    assert_eq!(fetched.version, "3");
    let note = fetched.note.unwrap().sentence.replace(&world.server.url().replace("http://", ""), "MLFLOW");
    insta::assert_snapshot!(note, @"mlflow:models:/sql/Production is served as it lies on this machine (version 3): MLFLOW answered 502: bad gateway");
    let unreachable = MlFlowSettings { tracking_uri: Some("http://127.0.0.1:1".into()), ..world.settings() };
    let outcome = MlFlow::new(unreachable).fetch(Kind::Model, &"models:/sql/Production".parse().unwrap(), &mut |_| {});
    assert!(matches!(outcome, Err(FetchError::Unreachable { .. })), "another server's model is another model");
}

#[test]
fn a_cache_that_takes_no_more_serves_what_it_has() {
    let world = World::new();
    let fetched = world.fetch("models:/sql/Production").unwrap();
    let root = fetched.path.parent().unwrap();
    let files = || ["refs/production", "places/3"].map(|name| fs::metadata(root.join(name)).unwrap().ino());
    let before = files();
    // What cannot be written there.
    fs::remove_dir_all(root.join("about")).unwrap();
    fs::write(root.join("about"), "").unwrap();
    assert_eq!(world.fetch("models:/sql/Production").unwrap(), fetched);
    assert_eq!(files(), before);
}

#[test]
fn names_that_lead_out_of_the_cache_are_refused() {
    let world = World::new();
    for name in ["../evil.json", "/etc/evil.json", "..", "a/b.json"] {
        world.lists("/model", &[("config.json", Some("2")), ("model.safetensors", Some("23")), (name, Some("2"))]);
        assert!(matches!(world.fetch("models:/sql/3"), Err(FetchError::Outside { .. })), "{name}");
    }
    assert_eq!(MlFlow::new(world.settings()).cached(Kind::Model, &"models:/sql/3".parse().unwrap()), None);
}

#[test]
fn files_that_the_server_does_not_hand_out_are_told_of() {
    let world = World::new();
    world.is_at("3", "s3://bucket/models/3");
    insta::assert_snapshot!(world.told(world.fetch("models:/sql/3")), @"the model's files are at s3://bucket/models/3, which this server does not reach: MLflow has to hand them out itself (mlflow server --serve-artifacts)");
}

#[test]
fn a_model_without_weights_names_where_they_are() {
    let world = World::new();
    world.lists("", &[("MLmodel", None)]);
    let settings = "flavors:\n  transformers:\n    source_model_name: acme/tiny\n    source_model_revision: 0123abc\n";
    world.holds("MLmodel", settings.as_bytes());
    insta::assert_snapshot!(world.told(world.fetch("models:/sql/3")), @"mlflow:models:/sql/3 was logged without its weights: they are on the Hugging Face Hub, and hf:acme/tiny@0123abc is the source to name");
}
