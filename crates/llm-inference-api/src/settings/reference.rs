//! The reference of all settings, docs/SETTINGS.md: made of the table of names and of what `--help` says, so that it cannot say
//! something else.

use std::fmt::Write as _;

use clap::Command;

use super::file::{FIELDS, ORGANIZATION};
use super::later;
use super::names::{self, Names};

const HEAD: &str = "\
# Settings

A flag goes before the environment, the environment before the settings file, the file before the default. A variable that is
set to nothing counts as not set. The file is what `--config` or `LLM_CONFIG` names, else `serving_config.yaml` in the working
directory, if it is there. `llm-inference-api check-config` shows what is in force, each value with its source, and what is wrong.

In the file (YAML), `${NAME}` in a value is that environment variable, and has to be set; `$${` is `${` itself. Paths are relative
to the working directory. Unknown keys are refused. [serving_config.example.yaml](../serving_config.example.yaml) has all keys,
[.env.example](../.env.example) all variables.

This page is written by `cargo run -- check-config --reference > docs/SETTINGS.md`.
";

/// What `--help` says of a flag.
struct Help {
    meaning: String,
    default: String,
}

/// The page.
pub(crate) fn reference(command: &Command) -> String {
    let mut page = HEAD.to_owned();
    let mut sections: Vec<&str> = Vec::new();
    for section in names::all().iter().filter_map(|names| names.key?.split('.').next()) {
        if !sections.contains(&section) {
            sections.push(section);
        }
    }
    for section in sections {
        let _ = write!(page, "\n## {section}\n\n| Key | Variable (alias) | Flag | Default | |\n|---|---|---|---|---|\n");
        for names in
            names::all().into_iter().filter(|names| names.key.is_some_and(|key| key.starts_with(&format!("{section}."))))
        {
            page.push_str(&row(names, command));
        }
    }
    page.push_str(&catalogue());
    page.push_str(&organizations());
    page.push_str(&not_yet());
    page
}

fn row(names: &Names, command: &Command) -> String {
    let Help { meaning, default } =
        help(command, names.flag).unwrap_or(Help { meaning: String::new(), default: String::new() });
    let variables = match names.variables {
        [] => String::new(),
        [name] => format!("`{name}`"),
        [name, aliases @ ..] => format!("`{name}` (`{}`)", aliases.join("`, `")),
    };
    let Names { key, flag, .. } = names;
    format!("| `{}` | {variables} | `{flag}` | {default} | {meaning} |\n", key.unwrap_or_default())
}

/// The help of a flag without its last brackets, which have its variables and its default.
fn help(command: &Command, flag: &str) -> Option<Help> {
    let argument = command.get_arguments().find(|argument| argument.get_long() == flag.strip_prefix("--"))?;
    let text = argument.get_long_help().or_else(|| argument.get_help())?.to_string();
    let (meaning, brackets) = text.rsplit_once(" [").unwrap_or((&text, ""));
    let default = brackets.trim_end_matches(['.', ']']).rsplit_once("default: ").map_or("–", |(_, default)| default);
    let plain = |text: &str| text.replace('\n', " ").replace('|', "\\|").replace('*', "\\*");
    Some(Help { meaning: plain(meaning.trim_end_matches('.')), default: plain(default) })
}

fn catalogue() -> String {
    let mut text = "\n## models\n\nA list: the models that are served, in this order; the first answers where none is named. Without it, \
                    `LLM_ALLOWED_MODELS` alone says which.\n\n| Key | |\n|---|---|\n"
        .to_owned();
    for (name, meaning) in FIELDS {
        let _ = writeln!(text, "| `{name}` | {meaning} |");
    }
    text
}

fn organizations() -> String {
    let mut text =
        "\n## organizations\n\nA list: who may ask, beside the keys that `keys create` makes. With the first key here, \
                    one is needed.\n\n| Key | |\n|---|---|\n"
            .to_owned();
    for (name, meaning) in ORGANIZATION {
        let _ = writeln!(text, "| `{name}` | {} |", meaning.replace('|', "\\|"));
    }
    text
}

fn not_yet() -> String {
    let mut text = "\n## Not in every build\n\n| | |\n|---|---|\n".to_owned();
    for (name, reason) in later::all() {
        let _ = writeln!(text, "| `{name}` | {reason} |");
    }
    text
}

#[cfg(test)]
#[path = "reference_tests.rs"]
mod tests;
