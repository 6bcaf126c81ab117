//! `chat`: a conversation in the terminal.

use std::io::{self, IsTerminal};

use anyhow::{Context, Result};
use backend::{Conversation, FinishReason, Message, Prompt, Role};
use clap::Args;
use serving::Service;

use super::sampling::{self, SamplingArguments};
use crate::commands::{Failure, prepare};
use crate::settings::{Arguments, EngineArguments, FileArguments, LogArguments, ModelArguments, Purpose, RegistryArguments};
use crate::terminal;

#[derive(Debug, Args)]
pub(crate) struct ChatArguments {
    /// What the model is told before the conversation.
    #[arg(long, value_name = "TEXT")]
    system: Option<String>,
    #[command(flatten)]
    sampling: SamplingArguments,
    #[command(flatten)]
    file: FileArguments,
    #[command(flatten)]
    models: ModelArguments,
    #[command(flatten)]
    registry: RegistryArguments,
    #[command(flatten)]
    engine: EngineArguments,
    #[command(flatten)]
    log: LogArguments,
}

/// What a typed line means.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Say(String),
    Reset,
    Exit,
    Nothing,
    Unknown(String),
}

pub(crate) fn run(arguments: ChatArguments) -> Result<(), Failure> {
    let ChatArguments { system, sampling, file, models, registry, engine, log } = arguments;
    let settings = prepare(Arguments { file, models, registry, engine, log, ..Arguments::default() }, Purpose::Answer)?;
    let (service, model) = sampling::answerer(&settings)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(anyhow::Error::from)?;
    let interactive = io::stdin().is_terminal();
    if interactive {
        terminal::say(&format!("{model} listens. /reset forgets the conversation, /exit or Ctrl-D ends it."));
    }
    let history = history_of(system);
    let mut chat = Chat { service, model, sampling, opening: history.clone(), history, interactive };
    let outcome = runtime.block_on(chat.run());
    // A thread may still be waiting for a line that nobody will type.
    runtime.shutdown_background();
    Ok(outcome?)
}

struct Chat {
    service: Service,
    model: String,
    sampling: SamplingArguments,
    /// What every conversation starts with.
    opening: Vec<Message>,
    history: Vec<Message>,
    interactive: bool,
}

impl Chat {
    async fn run(&mut self) -> Result<()> {
        loop {
            let Some(line) = self.read_line().await? else { return Ok(()) };
            match meaning(&line) {
                Line::Say(text) => self.turn(text).await?,
                Line::Reset => {
                    self.history.clone_from(&self.opening);
                    terminal::say("(forgotten)");
                }
                Line::Exit => return Ok(()),
                Line::Nothing => {}
                Line::Unknown(command) => terminal::say(&format!("there is no {command}; there are /reset and /exit")),
            }
        }
    }

    /// `None` when there is nothing more to read, or Ctrl-C was pressed.
    async fn read_line(&self) -> Result<Option<String>> {
        if self.interactive {
            terminal::answer("> ")?;
        }
        let line = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            io::stdin().read_line(&mut line).map(|read| (read > 0).then_some(line))
        });
        tokio::select! {
            line = line => line?.context("stdin cannot be read as text"),
            _ = tokio::signal::ctrl_c() => {
                terminal::say("");
                Ok(None)
            }
        }
    }

    /// One question and its answer. What goes wrong with it ends the turn, not the conversation.
    async fn turn(&mut self, text: String) -> Result<()> {
        self.history.push(Message { role: Role::User, content: text, name: None });
        let prompt = Conversation::new(self.history.clone()).map(Prompt::Chat).context("the conversation is empty")?;
        let generation = self.sampling.generation(&self.model, prompt)?;
        let answer = async { sampling::write_down(self.service.generate(generation).await?).await };
        let answer = tokio::select! {
            answer = answer => answer,
            _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("stopped")),
        };
        match answer {
            Ok((content, reason)) => {
                if reason == Some(FinishReason::Length) {
                    terminal::say("(the answer was cut off; --max-tokens allows more, /reset makes room)");
                }
                self.history.push(Message { role: Role::Assistant, content, name: None });
            }
            // Half an answer would only confuse what follows.
            Err(error) => {
                self.history.pop();
                terminal::say(&format!("\n({error:#})"));
            }
        }
        Ok(())
    }
}

fn history_of(system: Option<String>) -> Vec<Message> {
    system.map(|content| Message { role: Role::System, content, name: None }).into_iter().collect()
}

fn meaning(line: &str) -> Line {
    let line = line.trim();
    match line {
        "" => Line::Nothing,
        "/exit" | "/quit" => Line::Exit,
        "/reset" => Line::Reset,
        // A path or a fraction is no command.
        _ if line.strip_prefix('/').is_some_and(|word| word.chars().all(|c| c.is_ascii_lowercase())) => {
            Line::Unknown(line.to_owned())
        }
        _ => Line::Say(line.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_begin_with_a_slash() {
        for (line, expected) in [
            ("/exit\n", Line::Exit),
            ("/reset", Line::Reset),
            ("  \n", Line::Nothing),
            ("/help", Line::Unknown("/help".into())),
            ("/etc/hosts?", Line::Say("/etc/hosts?".into())),
            ("hello\n", Line::Say("hello".into())),
        ] {
            assert_eq!(meaning(line), expected, "{line:?}");
        }
    }
}
