//! Prompts on their way to tokens, without holding up anybody else.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use backend::{Encoded, Prompt, Result};

use crate::aside::Aside;
use crate::prompt::Encoder;

/// Longer prompts than this are tokenised on a thread for blocking work: it takes a millisecond.
const TOKENISED_INLINE: usize = 4096;

#[derive(Debug)]
pub struct Prompts {
    encoder: Arc<Encoder>,
    /// Where long ones are tokenised.
    aside: Aside,
    patience: Duration,
}

impl Prompts {
    /// With so many places for long prompts that are tokenised or wait for it, each for as long as `patience`.
    pub fn new(encoder: Encoder, places: usize, patience: Duration) -> Self {
        Self { encoder: Arc::new(encoder), aside: Aside::new(places), patience }
    }

    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// The tokens of what was asked, which may be known already.
    pub async fn tokens(&self, prompt: &Prompt, encoded: Option<Encoded>) -> Result<Vec<u32>> {
        if let Some(tokens) = encoded {
            return Ok(tokens.to_vec());
        }
        let now = SystemTime::now();
        if length(prompt) <= TOKENISED_INLINE {
            return self.encoder.encode(prompt, now);
        }
        let (encoder, prompt) = (Arc::clone(&self.encoder), prompt.clone());
        self.aside.run(self.patience, move || encoder.encode(&prompt, now)).await?
    }
}

/// In bytes; tokens count as the work of checking them.
fn length(prompt: &Prompt) -> usize {
    match prompt {
        Prompt::Text(text) => text.len(),
        Prompt::Tokens(tokens) => tokens.len(),
        Prompt::Chat(conversation) => conversation.messages().iter().map(|message| message.content.len()).sum(),
    }
}
