//! Questions in, SQL out: the prompt, the judgement of what was written, and further attempts where it has to parse.

mod dialect;
mod prompt;
mod verdict;

use backend::{Error, Event, Generation, MaxTokens, Message, Prompt, Result, Role, Temperature, Usage};
use futures_util::StreamExt;

pub use self::dialect::Dialect;
pub use self::prompt::SqlFormat;
pub use self::verdict::Verdict;
use crate::Service;
use crate::drain::cut_off;

/// How often a question is asked until an answer parses.
const ATTEMPTS: u32 = 3;
/// By how much each attempt is warmer than the one before.
const WARMTH: f32 = 0.4;

/// What the question is about. What is given goes into the prompt, in the model's own format.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Database {
    /// `CREATE TABLE` statements.
    pub schema: Option<String>,
    /// Without, answers are judged as SQLite's.
    pub dialect: Option<Dialect>,
}

impl Database {
    pub fn judge(&self, text: &str) -> Verdict {
        Verdict::of(text, self.dialect.unwrap_or_default())
    }
}

/// An answer that parses, and what it took to get it.
#[derive(Debug)]
pub struct ParsedAnswer {
    /// In the order of a backend's; the usage is that of all attempts together.
    pub events: Vec<Event>,
    pub verdict: Verdict,
}

impl Service {
    /// The same question with the database in it. It has to be a chat.
    pub fn about(&self, database: &Database, mut generation: Generation) -> Result<Generation> {
        let format = self.inner.fleet.find(&generation.model)?.model.sql_format;
        if let Prompt::Chat(conversation) = generation.prompt {
            generation.prompt = Prompt::Chat(format.tell(database, conversation)?);
        }
        Ok(generation)
    }

    /// Asks until a statement comes that parses, or the tokens that were asked for are used up: then there is no answer.
    /// One choice has to be asked for.
    pub async fn until_it_parses(&self, database: &Database, mut generation: Generation) -> Result<ParsedAnswer> {
        let mut spent = Usage::default();
        let mut attempts = 0;
        loop {
            let attempt = self.attempt(generation.clone()).await.map_err(|error| match error {
                // It was begun before.
                Error::ShuttingDown { .. } if attempts > 0 => cut_off(),
                error => error,
            });
            let (mut events, text, usage) = attempt?;
            attempts += 1;
            spent.prompt_tokens = spent.prompt_tokens.saturating_add(usage.prompt_tokens);
            spent.cached_tokens = spent.cached_tokens.saturating_add(usage.cached_tokens);
            spent.completion_tokens = spent.completion_tokens.saturating_add(usage.completion_tokens);
            let verdict = database.judge(&text);
            let Some(reason) = verdict.error else {
                events.push(Event::Done(spent));
                return Ok(ParsedAnswer { events, verdict });
            };
            if attempts == ATTEMPTS {
                return Err(Error::InvalidOutput { reason, attempts });
            }
            // Where it was another model that answered in its place, this one may not be there.
            let Ok((settled, format)) = self.settled(generation).await else {
                return Err(Error::InvalidOutput { reason, attempts });
            };
            let Some(left) = left(&settled, usage.completion_tokens) else {
                return Err(Error::InvalidOutput { reason, attempts });
            };
            generation = again(settled, format, text, &reason, left);
        }
    }

    /// With all that the request left open.
    async fn settled(&self, mut generation: Generation) -> Result<(Generation, SqlFormat)> {
        let member = self.inner.fleet.find(&generation.model)?;
        let settings = &self.inner.settings;
        let limit = member.model.check_length(generation.max_tokens, settings.max_tokens_limit)?;
        let lease = member.open().await?;
        member.model.defaults.or(lease.defaults).or(settings.defaults).fill(&mut generation, limit);
        Ok((generation, member.model.sql_format))
    }

    /// The events but for the last, the text in them, and what they cost.
    async fn attempt(&self, generation: Generation) -> Result<(Vec<Event>, String, Usage)> {
        let mut events = self.generate(generation).await?;
        let (mut seen, mut text) = (Vec::new(), String::new());
        while let Some(event) = events.next().await {
            match event? {
                Event::Done(usage) => return Ok((seen, text, usage)),
                event => {
                    if let Event::Text { text: piece, .. } = &event {
                        text.push_str(piece);
                    }
                    seen.push(event);
                }
            }
        }
        Err(Error::internal("the backend's events ended without Done"))
    }
}

/// What further attempts may generate, after so many tokens.
fn left(generation: &Generation, generated: u32) -> Option<MaxTokens> {
    let budget = generation.max_tokens.or(generation.default_max_tokens)?;
    MaxTokens::new(budget.get().saturating_sub(generated))
}

/// The next attempt: warmer and with another seed, or it would be the same again; and told what was wrong, where the
/// model understands that.
fn again(mut generation: Generation, format: SqlFormat, text: String, reason: &str, left: MaxTokens) -> Generation {
    // So many, or what is left of the context: nobody asked for this number.
    (generation.max_tokens, generation.default_max_tokens) = (None, Some(left));
    let sampling = &mut generation.sampling;
    let warmer = sampling.temperature.map_or(0.0, Temperature::get) + WARMTH;
    // At the top of the range it stays where it is.
    sampling.temperature = Temperature::new(warmer).ok().or(sampling.temperature);
    sampling.seed = sampling.seed.map(|seed| seed.wrapping_add(1));
    if let (SqlFormat::Headed, Prompt::Chat(conversation)) = (format, &generation.prompt) {
        let said = |role, content| Message { role, content, name: None };
        let complaint =
            format!("This is not one statement that parses: {reason}. Write the statement again, and nothing else.");
        let correction = [said(Role::Assistant, text), said(Role::User, complaint)];
        generation.prompt = Prompt::Chat(conversation.clone().then(correction));
    }
    generation
}
