//! The page and the examples say what the program reads.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::CommandFactory;

use super::*;
use crate::commands::Cli;
use crate::settings::environment::Variables;
use crate::settings::{Arguments, Environment, File, Machine, Purpose, Settings, resolve, show};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn text_of(file: &str) -> String {
    fs::read_to_string(repository().join(file)).unwrap()
}

fn resolved(file: &str, variables: &Variables) -> Settings {
    let file = File::parse("serving_config.example.yaml", file, variables);
    // An example with everything in it says things that this machine would not.
    // A real one has another amount of free memory each time one looks.
    let machine = Machine {
        cores: NonZeroUsize::new(8).unwrap(),
        physical_cores: NonZeroUsize::MIN,
        free_memory: Some(8 << 30),
        terminal: false,
    };
    resolve(Arguments::default(), Environment::from_map(variables), file, &machine, Purpose::Serve).unwrap()
}

/// (name, value) of every setting, without where it comes from.
fn values(settings: &Settings) -> Vec<(String, String)> {
    let cells =
        |line: &str| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    show(settings).lines().map(cells).map(|cells| (cells[0].clone(), cells[1].clone())).collect()
}

/// An example with what is commented out, and prose left out. A commented line of YAML or of variables has no space too many.
fn uncommented(text: &str, is_setting: impl Fn(&str) -> bool) -> String {
    let line = |line: &str| {
        let start = line.len() - line.trim_start().len();
        match line.trim_start().strip_prefix("# ") {
            Some(rest) if is_setting(rest) => format!("{}{rest}", &line[..start]),
            _ => line.to_owned(),
        }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn is_yaml(line: &str) -> bool {
    let rest = line.trim_start().trim_start_matches("- ");
    let key = rest.trim_start_matches('{').split(':').next().unwrap_or_default();
    let is_word = !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    is_word && rest.contains(':')
}

/// Whether the sections of `api.tls.key` are there, each within the one before.
fn has_key(yaml: &str, key: &str) -> bool {
    let mut lines = yaml.lines();
    let mut parts = key.split('.').enumerate();
    parts.all(|(depth, part)| {
        let indent = "  ".repeat(depth);
        let mut own = lines.by_ref().take_while(|line| line.starts_with(&indent) || line.trim().is_empty());
        own.any(|line| line[indent.len()..].starts_with(&format!("{part}:")))
    })
}

fn is_variable(line: &str) -> bool {
    line.split_once('=')
        .is_some_and(|(name, _)| !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
}

/// As a shell or compose reads such a file.
fn variables_of(text: &str) -> Variables {
    let pairs = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn the_page_is_up_to_date() {
    let expected = reference(&Cli::command());
    let page = text_of("docs/SETTINGS.md");
    assert!(page == expected, "write it with: cargo run -- check-config --reference > docs/SETTINGS.md");
}

#[test]
fn help_names_the_variables_of_every_flag_and_its_default() {
    let command = Cli::command();
    for names in names::all() {
        let argument = command.get_arguments().find(|argument| argument.get_long() == names.flag.strip_prefix("--"));
        let help = argument.and_then(|argument| argument.get_help()).map(ToString::to_string).unwrap_or_default();
        let (meaning, brackets) = help.rsplit_once(" [").unwrap_or((&help, ""));
        assert!(!meaning.is_empty(), "{} says nothing", names.flag);
        let said = brackets.trim_end_matches(']').split("; default: ").next().unwrap_or_default();
        assert_eq!(said, names.variables.join(", "), "{}", names.flag);
    }
}

#[test]
fn a_default_that_help_names_is_the_default() {
    let command = Cli::command();
    let values: BTreeMap<String, String> = values(&resolved("", &Variables::new())).into_iter().collect();
    let mut compared = 0;
    for names in names::all() {
        let Some(Help { default, .. }) = help(&command, names.flag) else { continue };
        let is_value = default.parse::<std::net::IpAddr>().is_ok() || default.parse::<f64>().is_ok();
        if let Some(value) = values.get(names.name()).filter(|_| is_value) {
            assert_eq!(&default, value, "{}", names.flag);
            compared += 1;
        }
    }
    assert!(compared >= 10, "{compared} defaults were compared");
}

#[test]
fn the_example_of_a_file_has_the_defaults_and_every_key() {
    let text = text_of("serving_config.example.yaml");
    assert_eq!(values(&resolved(&text, &Variables::new()))[1..], values(&resolved("", &Variables::new()))[1..]);
    let whole = uncommented(&text, is_yaml);
    let settings = resolved(&whole, &Variables::new());
    assert_eq!(settings.models.declared.len(), 4, "three in the catalogue and one of MLflow: {whole}");
    for key in names::all().iter().filter_map(|names| names.key) {
        assert!(has_key(&whole, key), "{key} is missing");
    }
    assert_eq!((settings.accounts.organizations.len(), settings.accounts.listed.len()), (1, 1), "{whole}");
    for (name, _) in FIELDS.into_iter().chain(ORGANIZATION) {
        assert!(whole.contains(&format!("{name}:")), "{name} is missing");
    }
}

#[test]
fn the_example_of_an_environment_has_the_defaults_and_every_variable() {
    let text = text_of(".env.example");
    let defaults = resolved("", &Variables::new());
    assert_eq!(values(&resolved("", &variables_of(&text))), values(&defaults));
    let whole = variables_of(&uncommented(&text, is_variable));
    let settings = resolved("", &whole);
    assert_eq!(settings.warnings, [""; 0]);
    for names in names::all() {
        let Some(name) = names.variables.first() else { continue };
        assert!(whole.contains_key(*name), "{name} is missing");
        let aliases = names.variables[1..].iter();
        aliases.for_each(|alias| assert!(text.contains(alias), "{alias} is not mentioned"));
    }
}

#[test]
fn what_is_not_handed_on_is_named() {
    let (_, meaning) = FIELDS.iter().find(|(name, _)| *name == "refused_fields").unwrap();
    assert!(meaning.ends_with(&format!("`{}`", gateway::REFUSED_FIELDS.join("`, `"))), "{meaning}");
}
