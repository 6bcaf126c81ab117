//! The Hub: what is downloaded, where it is put, and what goes wrong.

mod cache;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::time::Duration;

use registry::{
    Access, Catalogue, Declared, FetchError, Fetched, Hub, HubModel, HubSettings, Kind, MlFlow, MlFlowSettings, Origin,
    Patience, Places, Progress, Source, Sources, Token,
};
use tempfile::TempDir;

use crate::server::{Answer, Server};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const CONFIG: &[u8] = b"{\"model_type\": \"llama\"}\n";
/// `git hash-object` of it.
const CONFIG_TAG: &str = "9eddb62b076f586b2186445e7872e5a05f0dfe06";
const WEIGHTS: &[u8] = b"weights weights weights";
/// `sha256sum` of them.
const WEIGHTS_TAG: &str = "c6b30cb38435cb3e93ceb1b88799e217f0a1c75f5312a378be241eecec713e04";

/// A hub with one model, and the host that its large files are on.
struct World {
    hub: Server,
    store: Server,
    home: TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self { hub: Server::start(), store: Server::start(), home: tempfile::tempdir().unwrap() };
        world.lists("main", &["README.md", "config.json", "model.safetensors"]);
        world.holds("config.json", CONFIG, CONFIG_TAG);
        world.stores("model.safetensors", WEIGHTS, WEIGHTS_TAG);
        world
    }

    fn lists(&self, revision: &str, files: &[&str]) {
        let files: Vec<_> = files.iter().map(|file| format!(r#"{{"rfilename": "{file}"}}"#)).collect();
        let listing = format!(r#"{{"sha": "{COMMIT}", "siblings": [{}]}}"#, files.join(","));
        self.hub.on(format!("GET /api/models/acme/tiny/revision/{revision}"), [Answer::new(200, listing)]);
    }

    fn path(file: &str) -> String {
        format!("/acme/tiny/resolve/{COMMIT}/{file}")
    }

    /// A small file, which the hub sends itself.
    fn holds(&self, file: &str, bytes: &[u8], tag: &str) {
        let answer = Answer::new(200, bytes).with("etag", format!("\"{tag}\"")).in_parts();
        self.hub.on(format!("HEAD {}", Self::path(file)), [answer.clone()]);
        self.hub.on(format!("GET {}", Self::path(file)), [answer]);
    }

    /// A large file, which the hub sends elsewhere for.
    fn stores(&self, file: &str, bytes: &[u8], tag: &str) {
        let away = Answer::new(302, "")
            .with("location", format!("{}/{tag}?signature=x", self.store.url()))
            .with("etag", "\"of the redirect\"")
            .with("x-linked-etag", format!("\"{tag}\""))
            .with("x-linked-size", bytes.len().to_string());
        self.hub.on(format!("HEAD {}", Self::path(file)), [away.clone()]);
        self.hub.on(format!("GET {}", Self::path(file)), [away]);
        self.store.on(format!("GET /{tag}?signature=x"), [Answer::new(200, bytes).in_parts()]);
    }

    fn settings(&self) -> HubSettings {
        HubSettings {
            cache: self.home.path().join("hub"),
            endpoint: self.hub.url(),
            token: None,
            offline: false,
            patience: Patience { pause: Duration::ZERO, ..Patience::default() },
        }
    }

    /// Without an MLflow.
    fn sources(&self) -> Sources {
        let mlflow = MlFlowSettings {
            cache: self.home.path().join("mlflow"),
            tracking_uri: None,
            access: Access::Anybody,
            patience: Patience::default(),
        };
        Sources { hub: Hub::new(self.settings()), mlflow: MlFlow::new(mlflow) }
    }

    fn fetch(&self) -> Result<Fetched, FetchError> {
        Hub::new(self.settings()).fetch(Kind::Model, &model(), &mut |_| {})
    }

    fn repository(&self) -> PathBuf {
        self.home.path().join("hub/models--acme--tiny")
    }

    fn told(&self, outcome: Result<Fetched, FetchError>) -> String {
        let error = outcome.unwrap_err();
        let mut text = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        let host = |server: &Server| server.url().replace("http://", "");
        text.replace(&host(&self.hub), "HUB")
            .replace(&host(&self.store), "STORE")
            .replace(self.home.path().to_str().unwrap(), "HOME")
    }
}

fn model() -> HubModel {
    HubModel { repository: "acme/tiny".into(), revision: None, file: None }
}

/// Every file below a directory, and where links lead.
fn tree(root: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().display().to_string();
            match fs::read_link(&path) {
                Ok(target) => lines.push(format!("{name} -> {}", target.display())),
                Err(_) if path.is_dir() => directories.push(path),
                Err(_) => lines.push(name),
            }
        }
    }
    lines.sort();
    lines
}

#[test]
fn a_model_is_laid_out_as_the_hubs_own_client_does_it() {
    let world = World::new();
    let mut last = Progress { done: 0, total: 0 };
    let fetched = Hub::new(world.settings()).fetch(Kind::Model, &model(), &mut |progress| last = progress).unwrap();
    assert_eq!(
        fetched,
        Fetched { path: world.repository().join("snapshots").join(COMMIT), version: COMMIT.into(), note: None }
    );
    insta::assert_snapshot!(tree(&world.home.path().join("hub")).join("\n"), @r"
        .locks/models--acme--tiny/9eddb62b076f586b2186445e7872e5a05f0dfe06.lock
        .locks/models--acme--tiny/c6b30cb38435cb3e93ceb1b88799e217f0a1c75f5312a378be241eecec713e04.lock
        models--acme--tiny/blobs/9eddb62b076f586b2186445e7872e5a05f0dfe06
        models--acme--tiny/blobs/c6b30cb38435cb3e93ceb1b88799e217f0a1c75f5312a378be241eecec713e04
        models--acme--tiny/refs/main
        models--acme--tiny/snapshots/0123456789abcdef0123456789abcdef01234567/config.json -> ../../blobs/9eddb62b076f586b2186445e7872e5a05f0dfe06
        models--acme--tiny/snapshots/0123456789abcdef0123456789abcdef01234567/model.safetensors -> ../../blobs/c6b30cb38435cb3e93ceb1b88799e217f0a1c75f5312a378be241eecec713e04
    ");
    assert_eq!(fs::read(fetched.path.join("model.safetensors")).unwrap(), WEIGHTS);
    assert_eq!(fs::read_to_string(world.repository().join("refs/main")).unwrap(), COMMIT);
    let total = (CONFIG.len() + WEIGHTS.len()) as u64;
    assert_eq!(last, Progress { done: total, total });
}

#[test]
fn what_is_here_is_not_downloaded_again() {
    let world = World::new();
    world.fetch().unwrap();
    let before = world.hub.asked().len();
    world.fetch().unwrap();
    assert_eq!(world.hub.lines()[before..], ["GET /api/models/acme/tiny/revision/main"]);
    assert_eq!(world.store.asked().len(), 1);
}

#[test]
fn what_a_revision_is_already_is_not_written_again() {
    let world = World::new();
    world.fetch().unwrap();
    let file = || fs::metadata(world.repository().join("refs/main")).unwrap().ino();
    let before = file();
    world.fetch().unwrap();
    assert_eq!(file(), before);
}

#[test]
fn the_token_is_for_the_hub_alone() {
    let world = World::new();
    let settings = HubSettings { token: Some(Token::new("hf_secret")), ..world.settings() };
    assert!(!format!("{settings:?}").contains("hf_secret"));
    Hub::new(settings).fetch(Kind::Model, &model(), &mut |_| {}).unwrap();
    assert!(world.hub.asked().iter().all(|asked| asked.authorization.as_deref() == Some("Bearer hf_secret")));
    assert!(world.store.asked().iter().all(|asked| asked.authorization.is_none()));
}

#[test]
fn a_connection_that_breaks_off_is_taken_up_where_it_ended() {
    let world = World::new();
    let answer = || Answer::new(200, WEIGHTS).in_parts();
    world.store.on(format!("GET /{WEIGHTS_TAG}?signature=x"), [answer().cut_after(9), answer()]);
    let fetched = world.fetch().unwrap();
    assert_eq!(fs::read(fetched.path.join("model.safetensors")).unwrap(), WEIGHTS);
    let ranges: Vec<_> = world.store.asked().into_iter().map(|asked| asked.range).collect();
    assert_eq!(ranges, [None, Some("bytes=9-".into())]);
}

#[test]
fn a_server_that_always_breaks_off_is_given_up_and_what_came_is_kept() {
    let world = World::new();
    let answer = || Answer::new(200, WEIGHTS).in_parts();
    world.store.on(format!("GET /{WEIGHTS_TAG}?signature=x"), [answer().cut_after(9), answer().cut_after(0)]);
    insta::assert_snapshot!(world.told(world.fetch()), @"the connection broke off after 9 bytes of model.safetensors: Peer disconnected");
    let partial = world.repository().join("blobs").join(format!("{WEIGHTS_TAG}.incomplete"));
    assert_eq!(fs::read(&partial).unwrap(), &WEIGHTS[..9]);
    assert!(!world.repository().join("refs/main").exists());
    world.store.on(format!("GET /{WEIGHTS_TAG}?signature=x"), [answer()]);
    world.fetch().unwrap();
    assert!(!partial.exists());
    assert_eq!(world.store.asked().last().unwrap().range.as_deref(), Some("bytes=9-"));
}

#[test]
fn a_full_disk_is_told_from_other_failures() {
    let world = World::new();
    let blobs = world.repository().join("blobs");
    fs::create_dir_all(&blobs).unwrap();
    // It takes no byte, as a full disk.
    symlink("/dev/full", blobs.join(format!("{WEIGHTS_TAG}.incomplete"))).unwrap();
    insta::assert_snapshot!(world.told(world.fetch()), @"the disk is full: HOME/hub/models--acme--tiny/blobs has no room for what is left of model.safetensors; make room, or keep the cache elsewhere");
    assert!(!world.repository().join("refs/main").exists());
}

#[test]
fn other_bytes_than_the_checksum_says_are_thrown_away() {
    let world = World::new();
    world.store.on(format!("GET /{WEIGHTS_TAG}?signature=x"), [Answer::new(200, WEIGHTS.to_ascii_uppercase())]);
    insta::assert_snapshot!(world.told(world.fetch()), @"model.safetensors is not what it should be: its checksum is 928bd299218dbcc9d90b065e0b05ed8fc29ca818607d90f2b05b5f00a6210f54, not c6b30cb38435cb3e93ceb1b88799e217f0a1c75f5312a378be241eecec713e04; the download is thrown away");
    assert_eq!(tree(&world.repository().join("blobs")), [CONFIG_TAG]);
}

#[test]
fn a_pointer_in_place_of_the_file_is_not_taken_for_it() {
    let world = World::new();
    let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{WEIGHTS_TAG}\nsize 23\n");
    world.store.on(format!("GET /{WEIGHTS_TAG}?signature=x"), [Answer::new(200, pointer)]);
    insta::assert_snapshot!(world.told(world.fetch()), @"model.safetensors is 127 bytes long, and should be 23: the download is thrown away");
}

#[test]
fn many_who_ask_at_once_cause_one_download() {
    let world = World::new();
    let together = Barrier::new(4);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                together.wait();
                world.fetch().unwrap();
            });
        }
    });
    assert_eq!(world.store.asked().len(), 1);
}

#[test]
fn a_model_that_is_not_there_says_what_can_be_done() {
    let world = World::new();
    let listing = "GET /api/models/acme/tiny/revision/main";
    let cases = [
        Answer::new(401, "").with("x-error-code", "RepoNotFound"),
        Answer::new(403, "").with("x-error-code", "GatedRepo").with("x-error-message", "Access is restricted."),
        Answer::new(404, "").with("x-error-code", "RevisionNotFound"),
        Answer::new(403, ""),
        Answer::new(200, "<html>"),
        Answer::new(200, r#"{"sha": "../../etc", "siblings": []}"#),
    ];
    let told = cases.map(|answer| {
        world.hub.on(listing, [answer]);
        world.told(world.fetch())
    });
    insta::assert_snapshot!(told.join("\n"), @r#"
        there is no acme/tiny at HUB, or it is private: check the name, and if it is private HF_TOKEN has to hold a token that may read it
        HUB does not let this server in: acme/tiny is gated: ask for access at http://HUB/acme/tiny, and HF_TOKEN has to hold a token that may read it: Access is restricted.
        acme/tiny has no revision "main": http://HUB/acme/tiny has them all
        HUB does not let this server in: acme/tiny may not be read: HF_TOKEN has to hold a token that may read it
        what HUB answered makes no sense: expected value at line 1 column 1
        what HUB answered makes no sense: it names no commit
    "#);
    assert!(!world.home.path().join("hub").exists());
}

#[test]
fn a_name_that_is_on_neither_side_is_said_to_be_on_neither() {
    let world = World::new();
    let sources = world.sources();
    let told = ["acme/tinny", "hf:acme/tinny"].map(|named| {
        let places = Places { named: Some(named.into()), ..Places::default() };
        let entry = Catalogue::scan(&places).unwrap().entries()[0].clone();
        world.told(sources.fetch(&entry, &mut |_| {}).map(|_| unreachable!()))
    });
    insta::assert_snapshot!(told.join("\n"), @r"
        there is no file or directory acme/tinny here, and the Hugging Face Hub does not give it: there is no acme/tinny at HUB, or it is private: check the name, and if it is private HF_TOKEN has to hold a token that may read it
        there is no acme/tinny at HUB, or it is private: check the name, and if it is private HF_TOKEN has to hold a token that may read it
    ");
}

#[test]
fn an_overloaded_hub_is_asked_again() {
    let world = World::new();
    let line = "GET /api/models/acme/tiny/revision/main";
    let listing = format!(
        r#"{{"sha": "{COMMIT}", "siblings": [{{"rfilename": "config.json"}}, {{"rfilename": "model.safetensors"}}]}}"#
    );
    world.hub.on(line, [Answer::new(503, ""), Answer::new(429, ""), Answer::new(200, listing)]);
    world.fetch().unwrap();
    assert_eq!(world.hub.lines().iter().filter(|asked| *asked == line).count(), 3);
}

#[test]
fn a_name_that_leads_out_of_the_cache_is_refused() {
    let world = World::new();
    world.lists("main", &["config.json", "model.safetensors", "../../../../evil.gguf"]);
    let wanted = HubModel { file: Some("../../../../evil.gguf".into()), ..model() };
    let outcome = Hub::new(world.settings()).fetch(Kind::Model, &wanted, &mut |_| {});
    insta::assert_snapshot!(world.told(outcome), @r#"HUB names a file "../../../../evil.gguf", which would lie outside of the model's directory"#);
    assert_eq!(fs::read_dir(world.home.path()).unwrap().count(), 0);
}

#[test]
fn an_etag_that_is_a_path_is_refused() {
    let world = World::new();
    world.holds("config.json", CONFIG, "../../x");
    insta::assert_snapshot!(world.told(world.fetch()), @"what HUB answered makes no sense: it does not say by an ETag what config.json is");
}

#[test]
fn one_file_of_several_is_downloaded_alone() {
    let world = World::new();
    world.lists("main", &["q/a-Q4.gguf", "q/a-Q8.gguf"]);
    world.stores("q/a-Q8.gguf", WEIGHTS, WEIGHTS_TAG);
    insta::assert_snapshot!(world.told(world.fetch()), @"hf:acme/tiny holds several models; name one of its files, as hf:acme/tiny:q/a-Q4.gguf; there are: q/a-Q4.gguf, q/a-Q8.gguf");
    let wanted = HubModel { file: Some("q/a-Q8.gguf".into()), ..model() };
    let fetched = Hub::new(world.settings()).fetch(Kind::Model, &wanted, &mut |_| {}).unwrap();
    assert_eq!(fetched.path, world.repository().join("snapshots").join(COMMIT).join("q/a-Q8.gguf"));
    assert_eq!(fs::read(&fetched.path).unwrap(), WEIGHTS);
}

#[test]
fn the_only_gguf_file_is_found_where_it_was_downloaded_to() {
    for file in ["a.gguf", "q/a.gguf"] {
        let world = World::new();
        for revision in ["main", COMMIT] {
            world.lists(revision, &["README.md", file]);
        }
        world.stores(file, WEIGHTS, WEIGHTS_TAG);
        let hub = Hub::new(world.settings());
        for revision in [None, Some(COMMIT.to_owned())] {
            let wanted = HubModel { revision, ..model() };
            let fetched = hub.fetch(Kind::Model, &wanted, &mut |_| {}).unwrap();
            assert_eq!(fetched.path, world.repository().join("snapshots").join(COMMIT).join(file));
            assert_eq!(hub.cached(Kind::Model, &wanted), Some(fetched));
        }
    }
}

#[test]
fn what_was_trained_on_top_of_a_model_comes_with_that_model() {
    let world = World::new();
    let settings = br#"{"base_model_name_or_path": "acme/tiny", "r": 4}"#;
    let files =
        [("adapter_config.json", &settings[..], "an-adapter"), ("adapter_model.safetensors", WEIGHTS, "its-weights")];
    let listing = format!(
        r#"{{"sha": "{COMMIT}", "siblings": [{}]}}"#,
        files.map(|(name, ..)| format!(r#"{{"rfilename": "{name}"}}"#)).join(",")
    );
    world.hub.on("GET /api/models/acme/tuned/revision/main", [Answer::new(200, listing)]);
    for (name, bytes, tag) in files {
        let answer = Answer::new(200, bytes).with("etag", format!("\"{tag}\""));
        for method in ["HEAD", "GET"] {
            world.hub.on(format!("{method} /acme/tuned/resolve/{COMMIT}/{name}"), [answer.clone()]);
        }
    }
    let sources = world.sources();
    let entry = Catalogue::scan(&Places::default()).unwrap().locate(Path::new("hf:acme/tuned")).unwrap();
    assert!(sources.cached(&entry).is_none() && !sources.is_adapter(&entry));
    sources.hub.fetch(Kind::Adapter, &HubModel { repository: "acme/tuned".into(), ..model() }, &mut |_| {}).unwrap();
    assert!(sources.cached(&entry).is_none() && sources.is_adapter(&entry), "without the model beneath");
    let (fetched, note) = sources.fetch(&entry, &mut |_| {}).unwrap();
    let hub = world.home.path().join("hub");
    assert_eq!(fetched.source, Source::Path(hub.join("models--acme--tiny/snapshots").join(COMMIT)));
    assert_eq!(fetched.adapter, Some(hub.join("models--acme--tuned/snapshots").join(COMMIT)));
    assert_eq!((sources.cached(&entry), note), (Some(fetched), None));
}

#[test]
fn a_model_with_a_name_of_one_part_is_fetched_and_listed() {
    let world = World::new();
    // As the Hub has it: these models have moved to organisations.
    let moved = |path: &str| Answer::new(307, "").with("location", path);
    world.hub.on("GET /api/models/tiny/revision/main", [moved("/api/models/acme/tiny/revision/main")]);
    for (method, file) in
        ["HEAD", "GET"].into_iter().flat_map(|method| ["config.json", "model.safetensors"].map(|file| (method, file)))
    {
        world.hub.on(format!("{method} /tiny/resolve/{COMMIT}/{file}"), [moved(&World::path(file))]);
    }
    let Ok(Declared::Origin(Origin::Hub(model))) = "hf:tiny".parse() else { panic!("no model of the Hub") };
    let hub = Hub::new(world.settings());
    let fetched = hub.fetch(Kind::Model, &model, &mut |_| {}).unwrap();
    assert_eq!(fetched.path, world.home.path().join("hub/models--tiny/snapshots").join(COMMIT));
    assert_eq!(hub.cached(Kind::Model, &model), Some(fetched));
    assert_eq!(hub.list().unwrap()[0].repository, "tiny");
    assert_eq!(world.sources().downloaded().unwrap()[0].id, "hf:tiny");
}

#[test]
fn shards_that_the_index_names_have_to_be_there() {
    let world = World::new();
    world.lists("main", &["config.json", "model-00001-of-00002.safetensors", "model.safetensors.index.json"]);
    world.stores("model-00001-of-00002.safetensors", WEIGHTS, WEIGHTS_TAG);
    let index = br#"{"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}"#;
    world.holds("model.safetensors.index.json", index, "an-index");
    insta::assert_snapshot!(world.told(world.fetch()), @"hf:acme/tiny: its index names files that it has not");
}

#[test]
fn while_the_hub_is_down_what_is_here_is_served_and_said_so() {
    let world = World::new();
    world.fetch().unwrap();
    world.hub.on("GET /api/models/acme/tiny/revision/main", [Answer::new(502, "bad gateway")]);
    let note = world.fetch().unwrap().note.unwrap().sentence;
    insta::assert_snapshot!(note.replace(&world.hub.url().replace("http://", ""), "HUB"), @"hf:acme/tiny is served as it lies on this machine (0123456789abcdef0123456789abcdef01234567): HUB answered 502: bad gateway");
    // A token that has ended, or a model that was taken back, ends no server that has it.
    for status in [401, 403, 404] {
        world.hub.on("GET /api/models/acme/tiny/revision/main", [Answer::new(status, "")]);
        assert!(world.fetch().unwrap().note.unwrap().sentence.contains("is served as it lies on this machine"), "{status}");
    }
}

#[test]
fn a_hub_that_is_silent_is_not_waited_for_where_the_model_is_here() {
    let world = World::new();
    world.fetch().unwrap();
    // Connections are made, and nobody ever answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let patience = Patience { question: Duration::from_millis(200), ..world.settings().patience };
    let hub = Hub::new(HubSettings { endpoint, patience, ..world.settings() });
    let fetched = hub.fetch(Kind::Model, &model(), &mut |_| {}).unwrap();
    assert!(fetched.note.unwrap().sentence.contains("cannot be reached: timeout"));
}
