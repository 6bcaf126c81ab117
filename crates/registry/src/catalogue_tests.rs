//! Which models are found, and which of them are served.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{Allowed, Catalogue, Places};
use crate::{Declaration, Entry};

/// A directory of models; each name that ends in `/` is one in Hugging Face's layout.
fn models(names: &[&str]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for name in names {
        let path = root.path().join(name);
        if name.ends_with('/') {
            fs::create_dir_all(&path).unwrap();
            fs::write(path.join("config.json"), "{}").unwrap();
            fs::write(path.join("model-00001-of-00002.safetensors"), [0; 30]).unwrap();
            fs::write(path.join("model-00002-of-00002.safetensors"), [0; 12]).unwrap();
        } else {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, [0; 7]).unwrap();
        }
    }
    root
}

fn embedded() -> Places {
    Places { embedded: Some(("demo".into(), 5)), ..Places::default() }
}

fn in_directory(root: &Path) -> Places {
    Places { directory: Some(root.to_owned()), ..embedded() }
}

fn ids(entries: &[Entry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.id.as_str()).collect()
}

/// Every link of an error in one line, with the temporary directory's name taken out.
fn told(error: &crate::Error, root: &Path) -> String {
    error.to_string().replace(root.to_str().unwrap(), "MODELS")
}

#[test]
fn every_layout_is_found_with_its_size() {
    let root = models(&["tiny/", "acme/large/", "flat.gguf", "acme/small.gguf", "acme/quantised/Q8_0.gguf", "README.md"]);
    let catalogue = Catalogue::scan(&in_directory(root.path())).unwrap();
    let found: Vec<String> = catalogue.entries().iter().map(|entry| format!("{} {}", entry.id, entry.size)).collect();
    insta::assert_snapshot!(found.join("\n"), @r"
        demo 5
        acme/large 42
        acme/quantised/Q8_0 7
        acme/small 7
        flat 7
        tiny 42
    ");
    assert!(catalogue.warnings().is_empty());
}

#[test]
fn without_a_word_the_embedded_model_is_served() {
    let root = models(&["tiny/"]);
    let catalogue = Catalogue::scan(&in_directory(root.path())).unwrap();
    assert_eq!(ids(&catalogue.select(&Allowed::Unsaid).unwrap()), ["demo"]);
}

#[test]
fn a_star_serves_all_that_is_there() {
    let root = models(&["tiny/", "flat.gguf"]);
    let catalogue = Catalogue::scan(&in_directory(root.path())).unwrap();
    assert_eq!(ids(&catalogue.select(&Allowed::All).unwrap()), ["demo", "flat", "tiny"]);
}

#[test]
fn a_named_path_is_served_alone_and_first() {
    let root = models(&["tiny/", "flat.gguf"]);
    let named = Places { named: Some(root.path().join("flat.gguf")), ..embedded() };
    let catalogue = Catalogue::scan(&named).unwrap();
    assert_eq!(ids(&catalogue.select(&Allowed::Unsaid).unwrap()), ["flat"]);
    assert_eq!(ids(&catalogue.select(&Allowed::All).unwrap()), ["flat", "demo"]);
    assert_eq!(ids(&catalogue.select(&Allowed::Ids(vec!["demo".into()])).unwrap()), ["flat", "demo"]);
}

#[test]
fn a_directory_with_one_gguf_file_can_be_named() {
    let root = models(&["single/model.gguf", "pair/a.gguf", "pair/b.gguf"]);
    let named = |name: &str| Places { named: Some(root.path().join(name)), ..embedded() };
    let catalogue = Catalogue::scan(&named("single")).unwrap();
    assert_eq!(ids(&catalogue.select(&Allowed::Unsaid).unwrap()), ["single"]);
    assert!(matches!(Catalogue::scan(&named("pair")), Err(crate::Error::NotAModel { .. })));
}

#[test]
fn a_model_can_be_named_by_its_id() {
    let root = models(&["acme/large/"]);
    let named = Places { named: Some(PathBuf::from("acme/large")), ..in_directory(root.path()) };
    assert_eq!(ids(&Catalogue::scan(&named).unwrap().select(&Allowed::Unsaid).unwrap()), ["acme/large"]);
}

#[test]
fn a_directory_that_is_itself_a_model_is_one() {
    let root = models(&["tiny/"]);
    let catalogue = Catalogue::scan(&in_directory(&root.path().join("tiny"))).unwrap();
    assert_eq!(ids(catalogue.entries()), ["demo", "tiny"]);
}

#[test]
fn an_unknown_id_names_what_there_is_and_where_it_was_looked_for() {
    let root = models(&["tiny/"]);
    let catalogue = Catalogue::scan(&in_directory(root.path())).unwrap();
    let error = catalogue.select(&Allowed::Ids(vec!["tinny".into()])).unwrap_err();
    insta::assert_snapshot!(told(&error, root.path()), @r#"there is no model "tinny"; there are: demo, tiny; looked in: the binary, MODELS"#);
}

#[test]
fn an_id_of_the_hub_is_fetched_from_there_unless_it_is_here() {
    let root = models(&["acme/tiny/"]);
    let catalogue = Catalogue::scan(&in_directory(root.path())).unwrap();
    let ids = ["acme/tiny", "acme/large@v1", "acme/large:q/a.gguf"].map(str::to_owned).to_vec();
    let sources: Vec<_> =
        catalogue.select(&Allowed::Ids(ids)).unwrap().iter().map(|entry| entry.source.to_string()).collect();
    assert_eq!(sources[1..], ["hf:acme/large@v1", "hf:acme/large:q/a.gguf"]);
    assert!(sources[0].ends_with("/acme/tiny"), "{sources:?}");
    let named = Catalogue::scan(&Places { named: Some("hf:acme/large".into()), ..embedded() }).unwrap();
    assert_eq!(named.select(&Allowed::Unsaid).unwrap()[0].source.to_string(), "hf:acme/large");
    assert_eq!(catalogue.locate(Path::new("hf:gpt2")).unwrap().source.to_string(), "hf:gpt2");
    let uri = "mlflow:models:/sql@champion";
    let named = Catalogue::scan(&Places { named: Some(uri.into()), ..embedded() }).unwrap();
    assert_eq!(named.select(&Allowed::Unsaid).unwrap()[0].source.to_string(), uri);
    let allowed = catalogue.select(&Allowed::Ids(vec!["mlflow:models:/sql/1".to_owned()])).unwrap();
    assert_eq!(allowed[0].id, "mlflow:models:/sql/1");
    assert!(catalogue.locate(Path::new("mlflow:sql/1")).is_err());
    assert!(catalogue.locate(Path::new("gpt2")).is_err(), "it may be misspelt");
}

#[test]
fn a_misspelt_path_is_not_asked_for_at_the_hub() {
    let root = models(&["acme/large/"]);
    let named = |path: PathBuf| Catalogue::scan(&Places { named: Some(path), ..embedded() });
    let path = root.path().join("acme/largr");
    // Tests run in the directory of their crate, which has `src/`.
    for path in [path, "./acme/large".into(), "acme/large.gguf".into(), "a/b/c".into(), "src/large".into()] {
        assert!(named(path.clone()).is_err(), "{}", path.display());
    }
    insta::assert_snapshot!(named("src/large".into()).unwrap_err(), @"there is no src/large in the directory src; a model of this name on the Hugging Face Hub would be asked for as hf:src/large");
    assert_eq!(named("hf:src/large".into()).unwrap().find("hf:src/large").unwrap().source.to_string(), "hf:src/large");
}

#[test]
fn a_named_file_of_another_kind_is_refused() {
    let root = models(&["model.bin"]);
    let named = Places { named: Some(root.path().join("model.bin")), ..embedded() };
    insta::assert_snapshot!(told(&Catalogue::scan(&named).unwrap_err(), root.path()), @"MODELS/model.bin is not a model: expected a *.gguf file, or a directory with config.json and *.safetensors or with one *.gguf file");
}

#[test]
fn a_directory_that_is_not_there_is_refused() {
    let root = models(&[]);
    let error = Catalogue::scan(&in_directory(&root.path().join("absent"))).unwrap_err();
    insta::assert_snapshot!(told(&error, root.path()), @"the model directory MODELS/absent cannot be read");
}

#[test]
fn the_named_model_hides_another_of_its_name() {
    let root = models(&["demo.gguf"]);
    let named = Places { named: Some(root.path().join("demo.gguf")), ..embedded() };
    let catalogue = Catalogue::scan(&named).unwrap();
    assert_eq!(ids(&catalogue.select(&Allowed::All).unwrap()), ["demo"]);
    insta::assert_snapshot!(catalogue.warnings().join("\n").replace(root.path().to_str().unwrap(), "MODELS"), @r#"the model "demo" is taken from MODELS/demo.gguf, not from embedded"#);
}

#[cfg(unix)]
#[test]
fn links_in_circles_and_to_nowhere_are_left_out_with_a_warning() {
    use std::os::unix::fs::symlink;
    let root = models(&["tiny/", "acme/large/"]);
    symlink(root.path(), root.path().join("acme/circle")).unwrap();
    symlink("self", root.path().join("self")).unwrap();
    symlink("nowhere", root.path().join("broken")).unwrap();
    let catalogue = Catalogue::scan(&in_directory(root.path())).unwrap();
    assert_eq!(ids(catalogue.entries()), ["demo", "acme/large", "tiny"]);
    let warnings = catalogue.warnings().join("\n");
    insta::assert_snapshot!(warnings.replace(root.path().canonicalize().unwrap().to_str().unwrap(), "MODELS"), @r"
        MODELS/acme/circle is left out: it is a link that leads back to a directory above it
        MODELS/broken is left out: No such file or directory (os error 2)
        MODELS/self is left out: Too many levels of symbolic links (os error 40)
    ");
}

#[cfg(unix)]
#[test]
fn weights_behind_links_are_counted_in_full() {
    use std::os::unix::fs::symlink;
    let root = models(&["tiny/", "blob"]);
    symlink(root.path().join("blob"), root.path().join("tiny/extra.safetensors")).unwrap();
    let catalogue = Catalogue::scan(&in_directory(root.path())).unwrap();
    assert_eq!(catalogue.find("tiny").unwrap().size, 49);
}

/// Declared on the lines of a file, from 1: (id, source).
fn declared(models: &[(&str, String)]) -> Vec<Declaration> {
    let declaration = |(line, (id, source)): (usize, &(&str, String))| Declaration {
        id: (*id).to_owned(),
        source: source.parse().unwrap(),
        place: format!("f.yaml:{}", line + 1),
    };
    models.iter().enumerate().map(declaration).collect()
}

#[test]
fn declared_models_are_served_under_their_own_names_wherever_they_lie() {
    let root = models(&["acme/large/", "flat.gguf", "other/"]);
    let path = |name: &str| root.path().join(name).display().to_string();
    let declared = declared(&[
        ("small", path("flat.gguf")),
        ("sql", "embedded".into()),
        ("again", path("flat.gguf")),
        ("hub", "hf:acme/large@v1".into()),
    ]);
    let catalogue = Catalogue::scan(&Places { declared, ..in_directory(root.path()) }).unwrap();
    assert_eq!(ids(&catalogue.select(&Allowed::Unsaid).unwrap()), ["small", "sql", "again", "hub"]);
    assert_eq!(ids(&catalogue.select(&Allowed::Ids(vec!["sql".into(), "other".into()])).unwrap()), ["sql", "other"]);
    let all = catalogue.select(&Allowed::All).unwrap();
    assert_eq!(ids(&all)[..4], ["small", "sql", "again", "hub"]);
    assert_eq!(catalogue.find("small").unwrap().size, 7);
    insta::assert_snapshot!(catalogue.warnings().join("\n"), @"f.yaml:4: the files of acme/large are taken as they lie on this machine; whether they are of revision v1 is not known");
}

#[test]
fn a_model_named_on_the_command_line_is_served_alone_whatever_is_declared() {
    let root = models(&["flat.gguf"]);
    let declared = declared(&[("missing", "./nowhere".into())]);
    let places = Places { declared, named: Some(root.path().join("flat.gguf")), ..embedded() };
    assert_eq!(ids(&Catalogue::scan(&places).unwrap().select(&Allowed::Unsaid).unwrap()), ["flat"]);
}

#[test]
fn all_declared_models_that_are_not_there_are_named_with_what_to_do() {
    let root = models(&["tiny/"]);
    let path = |name: &str| root.path().join(name).display().to_string();
    let declared = declared(&[("absent", path("nowhere.gguf")), ("no-model", path(""))]);
    let catalogue = Catalogue::scan(&Places { declared, ..in_directory(root.path()) }).unwrap();
    let error = catalogue.select(&Allowed::Unsaid).unwrap_err();
    insta::assert_snapshot!(told(&error, root.path()), @r#"
        f.yaml:1: the model "absent" is not there: MODELS/nowhere.gguf cannot be read: No such file or directory (os error 2)
        f.yaml:2: the model "no-model" is not there: MODELS/ is not a model: expected a *.gguf file, or a directory with config.json and *.safetensors or with one *.gguf file
    "#);
    assert_eq!(ids(&catalogue.select(&Allowed::Ids(vec!["demo".into()])).unwrap()), ["demo"]);
}

#[test]
fn declared_models_that_are_elsewhere_are_fetched_when_they_are_opened() {
    let declared = declared(&[("hub", "hf:acme/absent@v1".into()), ("flow", "mlflow:models:/a/Production".into())]);
    let catalogue = Catalogue::scan(&Places { declared, ..embedded() }).unwrap();
    let sources: Vec<_> = catalogue.select(&Allowed::Unsaid).unwrap().iter().map(|entry| entry.source.to_string()).collect();
    assert_eq!(sources, ["hf:acme/absent@v1", "mlflow:models:/a/Production"]);
    assert_eq!(catalogue.warnings(), [""; 0]);
}
