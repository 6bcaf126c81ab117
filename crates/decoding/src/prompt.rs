//! From what was asked to tokens, and the checks that only this model's tokenizer and sizes allow.

use std::sync::Arc;
use std::time::SystemTime;

use backend::{Conversation, Error, Generation, Message, Prompt, Result, Role, Task};
use checkpoint::template::Error as TemplateError;
use checkpoint::{ChatTemplate, RenderOptions, Tokenizer};
use serde_json::{Map, Value, json};

/// The text side of a model.
#[derive(Debug)]
pub struct Encoder {
    pub tokenizer: Arc<Tokenizer>,
    pub template: ChatTemplate,
    /// Rows of the embeddings.
    pub vocabulary: usize,
    /// What prompt and answer may have together: the model's context, or what the KV cache holds.
    pub context: usize,
    /// What becomes of the tokens.
    pub task: Task,
}

impl Encoder {
    /// Tokens of the prompt; at least one, all of the vocabulary.
    pub fn encode(&self, prompt: &Prompt, now: SystemTime) -> Result<Vec<u32>> {
        let parameter = self.parameter(prompt);
        let tokens = match prompt {
            Prompt::Text(text) => {
                self.check_bytes(text, parameter)?;
                self.tokenizer.encode(text, true).map_err(Error::internal)?
            }
            Prompt::Tokens(tokens) => tokens.clone(),
            Prompt::Chat(conversation) if self.task == Task::Classify && self.template.is_fallback() => {
                self.tokenizer.encode(last_words(conversation)?, true).map_err(Error::internal)?
            }
            Prompt::Chat(conversation) => self.encode_chat(conversation, now)?,
        };
        if tokens.is_empty() {
            return Err(Error::invalid(parameter, "is empty: this model has no token to begin a text with"));
        }
        match tokens.iter().find(|token| **token as usize >= self.vocabulary) {
            Some(token) => {
                let last = self.vocabulary - 1;
                Err(Error::invalid(parameter, format!("token {token} is outside the vocabulary, whose last is {last}")))
            }
            None => Ok(tokens),
        }
    }

    fn encode_chat(&self, conversation: &Conversation, now: SystemTime) -> Result<Vec<u32>> {
        let messages: Value = conversation.messages().iter().map(message_value).collect();
        // Where nothing is to follow, there is no beginning of it.
        let options = RenderOptions { add_generation_prompt: self.task == Task::Generate, ..RenderOptions::new(now) };
        let text = self.template.render(&messages, &options).map_err(|error| match error {
            TemplateError::Refused { message } => Error::invalid("messages", message),
            error => Error::invalid("messages", format!("this model's chat template cannot render them: {error}")),
        })?;
        self.check_bytes(&text, "messages")?;
        self.tokenizer.encode_chat(&text).map_err(Error::internal)
    }

    /// Tokenising takes a second and gigabytes for what fills a body of the largest size, so it is not begun for nothing. A text
    /// to be classified may be cut to what fits.
    fn check_bytes(&self, text: &str, parameter: &'static str) -> Result<()> {
        if self.task == Task::Classify || self.tokenizer.fewest_tokens(text.len()) <= self.context {
            return Ok(());
        }
        Err(Error::TooLong { parameter: parameter.into(), context: self.context as u32, bytes: text.len() as u64 })
    }

    /// How many tokens may be generated behind a prompt of this length.
    pub fn completion_length(&self, generation: &Generation, prompt: usize) -> Result<usize> {
        let prompt_only = generation.echo == Some(backend::Echo::PromptOnly);
        let left = self.context.saturating_sub(prompt);
        let asked = match generation.max_tokens {
            _ if prompt_only => 0,
            Some(asked) => asked.get() as usize,
            None => left.min(generation.default_max_tokens.map_or(usize::MAX, |most| most.get() as usize)).max(1),
        };
        self.check_length(&generation.prompt, prompt, asked)?;
        Ok(asked)
    }

    /// A prompt may fill the context where nothing is to follow, and may not exceed it even there.
    pub fn check_length(&self, prompt: &Prompt, tokens: usize, completion: usize) -> Result<()> {
        if tokens <= self.context && completion <= self.context - tokens {
            return Ok(());
        }
        Err(Error::ContextLength {
            parameter: self.parameter(prompt).into(),
            context: self.context as u32,
            prompt: u32::try_from(tokens).unwrap_or(u32::MAX),
            completion: completion as u32,
        })
    }

    /// The field of a request that a prompt comes in.
    fn parameter(&self, prompt: &Prompt) -> &'static str {
        match (prompt, self.task) {
            (Prompt::Chat(_), _) => "messages",
            (Prompt::Text(_) | Prompt::Tokens(_), Task::Generate) => "prompt",
            (Prompt::Text(_) | Prompt::Tokens(_), Task::Classify | Task::Embed) => "input",
        }
    }

    pub fn check_bias(&self, generation: &Generation) -> Result<()> {
        let biases = generation.sampling.logit_bias.as_slice();
        match biases.iter().find(|(token, _)| *token as usize >= self.vocabulary) {
            Some((token, _)) => {
                let last = self.vocabulary - 1;
                Err(Error::invalid("logit_bias", format!("token {token} is outside the vocabulary, whose last is {last}")))
            }
            None => Ok(()),
        }
    }
}

/// What a user said last is what a classifier without a chat template was trained on.
fn last_words(conversation: &Conversation) -> Result<&str> {
    let last = conversation.messages().iter().rfind(|message| message.role == Role::User);
    last.map(|message| message.content.as_str())
        .ok_or_else(|| Error::invalid("messages", "have none of a user, and this model classifies what a user says"))
}

fn message_value(message: &Message) -> Value {
    let mut value = Map::new();
    value.insert("role".into(), json!(message.role.as_str()));
    value.insert("content".into(), json!(message.content));
    if let Some(name) = &message.name {
        value.insert("name".into(), json!(name));
    }
    Value::Object(value)
}
