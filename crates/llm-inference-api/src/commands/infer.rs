//! `infer`: how well each of several models suits each of several prompts.

use std::io::{IsTerminal, Read};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::{Context, Error, Result, ensure};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget};
use scorer::Candidates;
use scorer::files::Name;
use serde_json::{Map, Value, json};

use super::scorer::Scorers;
use super::table::table;
use crate::commands::Failure;
use crate::terminal;

/// Of a prompt, characters that a table shows.
const SHOWN: usize = 50;

#[derive(Debug, Args)]
pub(crate) struct InferArguments {
    /// The scorer: type/name.
    #[arg(long, value_name = "SCORER")]
    model: String,
    /// The models to score, with commas between them; default: all that the scorer knows.
    #[arg(long, value_delimiter = ',')]
    models: Vec<String>,
    /// The prompts: one a line, or JSON lines (.jsonl) of strings or of objects with a prompt; - reads lines from stdin.
    #[arg(long, value_name = "FILE")]
    prompts: PathBuf,
    /// Prompts that are scored at once.
    #[arg(long, value_name = "NUMBER", default_value = "128")]
    batch_size: NonZeroUsize,
    #[arg(long, value_enum, default_value = "table")]
    format: Form,
    #[command(flatten)]
    scorers: Scorers,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Form {
    /// For people: the best model of each prompt, and all scores.
    Table,
    /// As `POST /infer` answers.
    Json,
    /// One line for each prompt and model.
    Csv,
}

pub(crate) fn run(arguments: InferArguments) -> Result<(), Failure> {
    let InferArguments { model, models, prompts, batch_size, format, scorers } = arguments;
    let name = Name::parse(&model).map_err(Error::from)?;
    let scorer = scorers.open()?.load(&name).map_err(Error::from)?.scorer;
    let models = if models.is_empty() { scorer.models.clone() } else { models };
    let candidates = scorer.candidates(&models).map_err(Error::from)?;
    let prompts = read(&prompts)?;
    let scores = score(&candidates, &prompts, batch_size);
    let text = match format {
        Form::Table => as_table(&models, &prompts, &scores),
        Form::Json => as_json(&models, &scores),
        Form::Csv => as_csv(&models, &prompts, &scores)?,
    };
    Ok(terminal::answer(&text).map_err(Error::from)?)
}

fn score(candidates: &Candidates<'_>, prompts: &[String], batch: NonZeroUsize) -> Vec<Vec<f32>> {
    let target = if io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(prompts.len() as u64), target);
    let scored = |prompts: &[String]| {
        bar.inc(prompts.len() as u64);
        candidates.score(prompts)
    };
    let scores = prompts.chunks(batch.get()).flat_map(scored).collect();
    bar.finish_and_clear();
    scores
}

fn read(path: &Path) -> Result<Vec<String>> {
    let text = if path.as_os_str() == "-" {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        fs::read_to_string(path)
    };
    let text = text.with_context(|| format!("{} cannot be read as text", path.display()))?;
    let json = path.extension().is_some_and(|ending| ending == "jsonl" || ending == "ndjson");
    let prompts = prompts(&text, json).with_context(|| path.display().to_string())?;
    ensure!(!prompts.is_empty(), "{} has no prompt", path.display());
    Ok(prompts)
}

fn prompts(text: &str, json: bool) -> Result<Vec<String>> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let prompt = |(index, line): (usize, &str)| {
        if !json {
            return Ok(line.to_owned());
        }
        let value: Value = serde_json::from_str(line).with_context(|| format!("line {} is no JSON", index + 1))?;
        let prompt = value.as_str().or_else(|| value["prompt"].as_str());
        prompt.map(str::to_owned).with_context(|| format!("line {} is no string and has no prompt", index + 1))
    };
    lines.map(prompt).collect()
}

fn as_table(models: &[String], prompts: &[String], scores: &[Vec<f32>]) -> String {
    let row = |(prompt, scores): (&String, &Vec<f32>)| {
        let best = models.iter().zip(scores).max_by(|one, other| one.1.total_cmp(other.1));
        let all: Vec<String> = models.iter().zip(scores).map(|(model, score)| format!("{model} {score:.3}")).collect();
        [shortened(prompt), best.map(|(model, _)| model.clone()).unwrap_or_default(), all.join("  ")]
    };
    table(["PROMPT", "BEST", "SCORES"], prompts.iter().zip(scores).map(row))
}

fn shortened(prompt: &str) -> String {
    // What would move the cursor is not for a table.
    let mut shown: String =
        prompt.chars().map(|character| if character.is_control() { ' ' } else { character }).take(SHOWN).collect();
    if prompt.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

fn as_json(models: &[String], scores: &[Vec<f32>]) -> String {
    let of = |at: usize| scores.iter().map(|scores| scores[at]).collect::<Vec<f32>>();
    let by_model: Map<String, Value> = models.iter().enumerate().map(|(at, model)| (model.clone(), json!(of(at)))).collect();
    format!("{}\n", json!({"scores": by_model}))
}

fn as_csv(models: &[String], prompts: &[String], scores: &[Vec<f32>]) -> Result<String> {
    let mut lines = csv::Writer::from_writer(Vec::new());
    lines.write_record(["prompt", "model", "score"])?;
    for (prompt, scores) in prompts.iter().zip(scores) {
        for (model, score) in models.iter().zip(scores) {
            lines.write_record([prompt, model, &score.to_string()])?;
        }
    }
    Ok(String::from_utf8(lines.into_inner()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored() -> (Vec<String>, Vec<String>, Vec<Vec<f32>>) {
        let models = ["a", "b"].map(str::to_owned).to_vec();
        let prompts = ["Why, \"oh\" why?".to_owned(), "x".repeat(60)].to_vec();
        (models, prompts, vec![vec![0.5, 1.25], vec![2.0, -1.0]])
    }

    #[test]
    fn scores_are_shown_as_is_asked_for() {
        let (models, prompts, scores) = scored();
        insta::assert_snapshot!(as_table(&models, &prompts, &scores), @r#"
            PROMPT                                               BEST  SCORES
            Why, "oh" why?                                       b     a 0.500  b 1.250
            xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…  a     a 2.000  b -1.000
        "#);
        insta::assert_snapshot!(as_json(&models, &scores), @r#"{"scores":{"a":[0.5,2.0],"b":[1.25,-1.0]}}"#);
        insta::assert_snapshot!(as_csv(&models, &prompts[..1], &scores).unwrap(), @r#"
            prompt,model,score
            "Why, ""oh"" why?",a,0.5
            "Why, ""oh"" why?",b,1.25
        "#);
    }

    #[test]
    fn prompts_are_lines_or_json_lines() {
        assert_eq!(prompts("one\n\ntwo\n", false).unwrap(), ["one", "two"]);
        assert_eq!(prompts("\"one\\ntwo\"\n{\"prompt\": \"three\", \"id\": 7}", true).unwrap(), ["one\ntwo", "three"]);
        assert_eq!(prompts("\"one\"\n7", true).unwrap_err().to_string(), "line 2 is no string and has no prompt");
    }
}
