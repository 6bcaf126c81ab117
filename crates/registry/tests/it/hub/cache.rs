//! What of the Hub is on this machine: found, listed and given back.

use std::fs;

use registry::{Declared, Hub, HubModel, HubSettings, Kind, Origin, Source};

use super::{COMMIT, CONFIG, WEIGHTS, WEIGHTS_TAG, World, model};

#[test]
fn a_revision_is_kept_beside_the_others() {
    let world = World::new();
    world.lists("refs%2Fpr%2F1", &["config.json", "model.safetensors"]);
    let wanted = HubModel { revision: Some("refs/pr/1".into()), ..model() };
    Hub::new(world.settings()).fetch(Kind::Model, &wanted, &mut |_| {}).unwrap();
    assert_eq!(fs::read_to_string(world.repository().join("refs/refs/pr/1")).unwrap(), COMMIT);
    assert!(!world.repository().join("refs/main").exists());
}

#[test]
fn a_repository_is_listed_beside_the_files_that_were_asked_for_by_name() {
    let world = World::new();
    world.lists("main", &["a.gguf", "b.gguf", "config.json", "model.safetensors"]);
    world.stores("a.gguf", WEIGHTS, WEIGHTS_TAG);
    let ids = || -> Vec<_> { world.sources().downloaded().unwrap().into_iter().map(|entry| entry.id).collect() };
    let hub = Hub::new(world.settings());
    hub.fetch(Kind::Model, &HubModel { file: Some("a.gguf".into()), ..model() }, &mut |_| {}).unwrap();
    assert_eq!(ids(), ["acme/tiny:a.gguf"]);
    world.fetch().unwrap();
    assert_eq!(ids(), ["acme/tiny", "acme/tiny:a.gguf"]);
}

#[test]
fn a_revision_is_listed_by_its_name_and_found_again() {
    for (revision, escaped) in [("v2", "v2"), ("v2/rc+1", "v2%2Frc%2B1"), ("refs/pr/1", "refs%2Fpr%2F1")] {
        let world = World::new();
        world.lists(escaped, &["config.json", "model.safetensors"]);
        let id = format!("acme/tiny@{revision}");
        let Ok(Declared::Origin(Origin::Hub(wanted))) = format!("hf:{id}").parse() else { panic!("{id} is no model") };
        let fetched = Hub::new(world.settings()).fetch(Kind::Model, &wanted, &mut |_| {}).unwrap();
        let [listed] = &world.sources().downloaded().unwrap()[..] else { panic!("not one") };
        assert_eq!(listed.id, id);
        assert_eq!(listed.source, Source::Origin(Origin::Hub(wanted.clone())));
        assert!(world.sources().cached(listed).is_some());
        let offline = Hub::new(HubSettings { offline: true, ..world.settings() });
        assert_eq!(offline.fetch(Kind::Model, &wanted, &mut |_| {}).unwrap(), fetched);
    }
}

#[test]
fn offline_what_is_here_is_served_and_nothing_is_asked() {
    let world = World::new();
    let offline = || Hub::new(HubSettings { offline: true, ..world.settings() }).fetch(Kind::Model, &model(), &mut |_| {});
    insta::assert_snapshot!(world.told(offline()), @"hf:acme/tiny is not on this machine, and HF_HUB_OFFLINE says to download nothing");
    world.fetch().unwrap();
    let asked = world.hub.asked().len();
    assert_eq!(offline().unwrap().version, COMMIT);
    assert_eq!(world.hub.asked().len(), asked);
}

#[test]
fn what_is_here_is_listed_and_given_back() {
    let world = World::new();
    let hub = Hub::new(world.settings());
    assert_eq!(hub.list().unwrap(), []);
    world.fetch().unwrap();
    let bytes = (CONFIG.len() + WEIGHTS.len() + COMMIT.len()) as u64;
    let [cached] = <[_; 1]>::try_from(hub.list().unwrap()).unwrap();
    assert_eq!((cached.repository.as_str(), cached.bytes), ("acme/tiny", bytes));
    assert_eq!(cached.revisions, [("main".to_owned(), COMMIT.to_owned())]);
    assert_eq!(hub.remove(&model()).unwrap(), bytes);
    assert!(!world.repository().exists());
    assert_eq!(hub.remove(&model()).unwrap(), 0);
}

#[test]
fn files_that_lie_in_the_snapshots_themselves_are_counted() {
    let world = World::new();
    world.fetch().unwrap();
    // As the Hub's own client leaves it where there can be no links.
    for name in ["config.json", "model.safetensors"] {
        let link = world.repository().join("snapshots").join(COMMIT).join(name);
        let blob = fs::canonicalize(&link).unwrap();
        fs::remove_file(&link).unwrap();
        fs::rename(blob, link).unwrap();
    }
    fs::remove_dir(world.repository().join("blobs")).unwrap();
    let (hub, bytes) = (Hub::new(world.settings()), (CONFIG.len() + WEIGHTS.len() + COMMIT.len()) as u64);
    assert_eq!(hub.list().unwrap()[0].bytes, bytes);
    assert_eq!(hub.remove(&model()).unwrap(), bytes);
}
