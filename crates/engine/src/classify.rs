//! The handle, asked what a text is: it runs as a prompt with nothing behind it, among all the others, and the logits of its last
//! token become the scores of the classes.

use std::sync::Arc;

use backend::{Classification, Classified, Error, Keep, Result, Sampling, Scale, Stop, Truncation};
use checkpoint::{Classes, Scoring};
use tokio::sync::{mpsc, oneshot};

use crate::Engine;
use crate::engine::stopped;
use crate::job::{Asked, Job, Logits, Reader};

/// How this model's logits are to be read.
#[derive(Debug)]
pub(crate) struct Classifier {
    labels: Arc<[String]>,
    scoring: Scoring,
    padding: Option<u32>,
}

impl From<Classes> for Classifier {
    fn from(Classes { labels, scoring, padding }: Classes) -> Self {
        Self { labels: labels.into(), scoring, padding }
    }
}

impl Engine {
    /// Resolves when the text is classified.
    pub(crate) async fn run_classification(&self, classification: Classification) -> Result<Classified> {
        let Some(classifier) = &self.classifier else {
            return Err(Error::unsupported("model", "it writes texts and classifies none"));
        };
        self.check_draining()?;
        let mut classification = classification;
        let adapter = self.own(classification.adapter.take())?;
        let encoded = classification.encoded.take();
        let mut tokens = self.prompts.tokens(&classification.prompt, encoded).await?;
        if let Some(truncation) = classification.truncation {
            truncate(&mut tokens, truncation, self.prompts.encoder().context);
        }
        classifier.drop_padding(&mut tokens);
        self.prompts.encoder().check_length(&classification.prompt, tokens.len(), 0)?;
        let (admitted, admission) = oneshot::channel();
        let (sender, mut logits) = mpsc::channel(1);
        let asked = Asked {
            prompt: tokens,
            max_new: 0,
            continues: true,
            sampling: Sampling::default(),
            stop: Stop::default(),
            choices: 1,
            logprobs: None,
            echo: false,
            priority: classification.priority,
            tenant: classification.tenant,
            adapter,
        };
        self.admit(Job { asked, admitted, reader: Reader::Logits(sender) }, admission).await?;
        classifier.read(logits.recv().await.ok_or_else(stopped)??, classification.scale)
    }
}

impl Classifier {
    /// As transformers looks for the last token that is no padding. What is behind it cannot have changed its row.
    fn drop_padding(&self, tokens: &mut Vec<u32>) {
        let counts = |token: &u32| Some(*token) != self.padding;
        let last = tokens.iter().rposition(counts).unwrap_or(0);
        tokens.truncate(last + 1);
    }

    fn read(&self, Logits { mut row, usage }: Logits, scale: Scale) -> Result<Classified> {
        if !row.iter().all(|logit| logit.is_finite()) {
            return Err(Error::internal("the logit of a class is infinite or no number"));
        }
        match (scale, self.scoring) {
            (Scale::Logits, _) | (Scale::Meant, Scoring::Value) => {}
            (Scale::Meant, Scoring::OneOf) => softmax(&mut row),
            (Scale::Meant, Scoring::EachByItself) => row.iter_mut().for_each(|logit| *logit = sigmoid(*logit)),
        }
        Ok(Classified { labels: Arc::clone(&self.labels), scores: row, usage })
    }
}

fn truncate(tokens: &mut Vec<u32>, truncation: Truncation, context: usize) {
    let most = truncation.most.map_or(context, |most| most.get() as usize);
    match truncation.keep {
        Keep::First => tokens.truncate(most),
        Keep::Last => drop(tokens.drain(..tokens.len().saturating_sub(most))),
    }
}

fn softmax(logits: &mut [f32]) {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for logit in &mut *logits {
        *logit = (*logit - highest).exp();
        sum += *logit;
    }
    for power in logits {
        *power /= sum;
    }
}

fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}
