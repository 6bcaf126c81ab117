//! How well each of several models suits each of several prompts.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::Arc;

use backend::{Error, Event, Result, Usage};
use futures_util::{StreamExt, TryStreamExt, stream};
use telemetry::Operation;

use crate::account::Cost;
use crate::meter::Meter;
use crate::scorers::Open;
use crate::{Service, Unscored};

/// Bytes of prompts that are scored without a pause: a tenth of a second for a small sentence encoder on one processor. Who waits
/// to have a model chosen must not wait for long.
const MOST_AT_ONCE: usize = 16 << 10;

/// What is to be scored, and by which scorer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scoring {
    /// `type/name`
    pub scorer: String,
    pub models: Vec<String>,
    pub prompts: Vec<String>,
    /// Prompts that are scored without a pause for others.
    pub batch: NonZeroUsize,
}

impl Service {
    /// For each prompt one score for each model, both in the order in which they were asked for. Dropping the future ends it after
    /// the batch that is being computed.
    pub async fn score(&self, scoring: Scoring) -> Result<Vec<Vec<f32>>, Unscored> {
        let ticket = self.inner.drain.enter()?;
        let _place = self.inner.scorers.enter()?;
        let open = self.inner.scorers.open(&scoring.scorer, self.inner.settings.patience).await?;
        check(&open, &scoring.models)?;
        let mut meter = Meter::start(self.inner.metrics.clone(), open.name.to_string(), Operation::Score);
        let score = async {
            // It counts as a request, and takes no tokens.
            meter.pays(self.set_aside(std::future::ready(Ok(Cost::default()))).await?);
            self.batches(&open, scoring).await
        };
        let scores = ticket.run(score).await.inspect_err(|error| meter.error(error))?;
        meter.event(&Event::Done(Usage::default()));
        Ok(scores)
    }

    async fn batches(&self, open: &Arc<Open>, scoring: Scoring) -> Result<Vec<Vec<f32>>> {
        let Scoring { models, prompts, batch, .. } = scoring;
        let (scorers, patience) = (&self.inner.scorers, self.inner.settings.patience);
        let batches = batches(&prompts, batch);
        let (models, prompts): (Arc<[String]>, Arc<[String]>) = (models.into(), prompts.into());
        let work = |range: Range<usize>| {
            let (open, models, prompts) = (Arc::clone(open), Arc::clone(&models), Arc::clone(&prompts));
            move || {
                let candidates = open.saved.scorer.candidates(&models).map_err(Error::internal)?;
                Ok::<_, Error>(candidates.score(&prompts[range]))
            }
        };
        // A few prompts may be what somebody waits for. Many are work that gives way to all others'.
        if let [batch] = &batches[..] {
            return scorers.in_turn(patience, work(batch.clone())).await?;
        }
        let in_turns = batches.into_iter().map(|batch| {
            let is_first = batch.start == 0;
            scorers.in_long_turn(is_first.then_some(patience), work(batch))
        });
        let scores = stream::iter(in_turns).buffered(scorers.long_turns_at_once());
        let scores: Vec<Vec<Vec<f32>>> = scores.map(|scores| scores?).try_collect().await?;
        Ok(scores.concat())
    }
}

/// Prompts in runs that are scored together.
fn batches(prompts: &[String], batch: NonZeroUsize) -> Vec<Range<usize>> {
    let mut batches = Vec::new();
    let mut start = 0;
    while start < prompts.len() {
        let end = start + together(&prompts[start..], batch);
        batches.push(start..end);
        start = end;
    }
    batches
}

/// How many of these prompts are scored without a pause for others: no more than were asked for at once, nor than take long.
fn together(prompts: &[String], batch: NonZeroUsize) -> usize {
    let mut bytes = 0;
    let fits = |prompt: &&String| {
        bytes += prompt.len();
        bytes <= MOST_AT_ONCE
    };
    prompts.iter().take(batch.get()).take_while(fits).count().max(1)
}

fn check(open: &Open, models: &[String]) -> Result<(), Unscored> {
    let known = &open.saved.scorer.models;
    match models.iter().find(|model| !known.contains(model)) {
        Some(model) => Err(Unscored::UnknownModel { model: model.clone(), known: known.clone() }),
        None => Ok(()),
    }
}
