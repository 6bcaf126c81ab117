//! What was answered by whom and how it was liked, where that is kept: written by a thread of its own, so that nobody waits for a disk.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::{io, thread};

use backend::{Error, Result};
use scorer::traffic::{Answer, Line, Log, Rating};

use crate::Service;
use crate::service::RETRY_AFTER;

/// Lines on their way to the disk.
const MOST_WAITING: usize = 1024;
/// Answers that can be rated: the last ones.
const MOST_KNOWN: usize = 100_000;
/// Of one answer: whoever changes their mind more often would fill the disk, from which other answers go then.
const MOST_RATINGS: u8 = 16;

/// An answer that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What it calls itself: `chatcmpl-…`.
    pub id: String,
    /// Seconds since 1970.
    pub at: u64,
    pub model: String,
    /// What was asked last.
    pub prompt: String,
    /// It was sent to its end.
    pub whole: bool,
}

/// What is kept of prompts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeps {
    /// Figures, from which no text can be made again.
    Features,
    Texts,
}

/// Where outcomes are kept, if they are.
#[derive(Debug, Default)]
pub struct Outcomes(Option<Kept>);

#[derive(Debug)]
struct Kept {
    known: Mutex<Known>,
    /// `None` only while it is being dropped.
    lines: Option<SyncSender<Box<Line>>>,
    writer: Option<JoinHandle<()>>,
}

/// The last answers.
#[derive(Debug, Default)]
struct Known {
    answers: HashMap<String, Given>,
    /// The oldest first.
    ids: VecDeque<String>,
}

/// Whose an answer is, and how often it was rated.
#[derive(Debug)]
struct Given {
    organization: Option<String>,
    ratings: u8,
}

impl Outcomes {
    /// In files of this directory, of so many bytes in all.
    pub fn within(directory: &Path, limit: u64, keeps: Keeps) -> io::Result<Self> {
        let log = Log::open(directory, limit)?;
        let mut known = Known::default();
        for line in log.lines()? {
            match line {
                Line::Answer(Answer { id, organization, .. }) => known.add(id, organization),
                Line::Rating(Rating { id, .. }) => known.answers.get_mut(&id).into_iter().for_each(Given::rated),
            }
        }
        let (lines, receiver) = sync_channel(MOST_WAITING);
        let writer = thread::Builder::new().name("outcomes".into()).spawn(move || write(log, &receiver, keeps))?;
        Ok(Self(Some(Kept { known: Mutex::new(known), lines: Some(lines), writer: Some(writer) })))
    }
}

fn write(mut log: Log, lines: &Receiver<Box<Line>>, keeps: Keeps) {
    for line in lines {
        let line = match *line {
            Line::Answer(answer) if keeps == Keeps::Features => Line::Answer(answer.anonymous()),
            line => line,
        };
        if let Err(error) = log.push(&line) {
            tracing::warn!(%error, "an outcome could not be kept");
        }
    }
}

impl Known {
    fn add(&mut self, id: String, organization: Option<String>) {
        if self.ids.len() == MOST_KNOWN
            && let Some(oldest) = self.ids.pop_front()
        {
            self.answers.remove(&oldest);
        }
        self.ids.push_back(id.clone());
        self.answers.insert(id, Given { organization, ratings: 0 });
    }
}

impl Given {
    fn rated(&mut self) {
        self.ratings = self.ratings.saturating_add(1);
    }
}

impl Kept {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: Line) -> Result<()> {
        let pushed = self.lines.as_ref().map(|lines| lines.try_send(Box::new(line)));
        match pushed {
            Some(Ok(())) => Ok(()),
            Some(Err(TrySendError::Full(_))) => {
                Err(Error::QueueFull { reason: "too many outcomes wait to be kept", retry_after: RETRY_AFTER })
            }
            Some(Err(TrySendError::Disconnected(_))) | None => Err(Error::internal("nobody keeps outcomes any more")),
        }
    }
}

impl Drop for Kept {
    /// What was told is kept.
    fn drop(&mut self) {
        drop(self.lines.take());
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the thread that keeps outcomes ended in a panic");
        }
    }
}

impl Service {
    /// Whether outcomes are kept, and with them what was asked.
    pub fn keeps_outcomes(&self) -> bool {
        self.inner.outcomes.0.is_some()
    }

    /// Keeps an answer. Where the disk cannot follow, it is left out: who asked has their answer either way.
    pub fn keep(&self, outcome: Outcome) {
        let Some(kept) = &self.inner.outcomes.0 else { return };
        let Outcome { id, at, model, prompt, whole } = outcome;
        let organization = self.organization();
        let (prompt, features) = (Some(prompt), None);
        let answer = Answer { id: id.clone(), at, organization: organization.clone(), model, prompt, features, whole };
        match kept.push(Line::Answer(answer)) {
            Ok(()) => kept.known().add(id, organization),
            Err(error) => tracing::warn!(%error, "an outcome is left out"),
        }
    }

    /// Keeps what somebody thought of an answer that they got, 0 to 1, at so many seconds since 1970; whether there is such an
    /// answer.
    pub fn rate(&self, id: &str, rating: f32, at: u64) -> Result<bool> {
        let Some(kept) = &self.inner.outcomes.0 else { return Ok(false) };
        let (organization, mut known) = (self.organization(), kept.known());
        // One of another organisation is as unknown as none.
        let Some(given) = known.answers.get_mut(id).filter(|given| given.organization == organization) else {
            return Ok(false);
        };
        if given.ratings == MOST_RATINGS {
            return Err(Error::invalid(
                "response_id",
                format!("has been rated {MOST_RATINGS} times, which is as often as may be"),
            ));
        }
        kept.push(Line::Rating(Rating { id: id.to_owned(), at, rating }))?;
        given.rated();
        Ok(true)
    }
}
