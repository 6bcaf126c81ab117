//! How many tokens a text is thought to have, where no tokenizer of its model is at hand.

use crate::Prompt;

/// Bytes of a text that are taken for a token. English has four to five a token in the vocabularies of today (30,000 to 250,000
/// tokens), source text and JSON three to four, and Chinese and Japanese about three, which is one character. It is the least of
/// these, for both uses: what is set aside should suffice, and what is paid where nobody counts should not be less than was made.
const BYTES_OF_A_TOKEN: usize = 3;
/// What a chat template puts around a message, and before the answer: the templates of Qwen (ChatML) and Llama 3 put five.
const TOKENS_AROUND_A_MESSAGE: u32 = 5;

/// Of a text of so many bytes.
pub fn estimated_tokens(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(BYTES_OF_A_TOKEN)).unwrap_or(u32::MAX)
}

impl Prompt {
    /// Tokens that it is thought to have; of tokens, their number.
    pub fn estimated_tokens(&self) -> u32 {
        match self {
            Self::Text(text) => estimated_tokens(text.len()),
            Self::Tokens(tokens) => u32::try_from(tokens.len()).unwrap_or(u32::MAX),
            Self::Chat(conversation) => {
                let of_messages = conversation.messages().iter().map(|message| {
                    let bytes = message.content.len() + message.name.as_ref().map_or(0, String::len);
                    estimated_tokens(bytes).saturating_add(TOKENS_AROUND_A_MESSAGE)
                });
                of_messages.fold(TOKENS_AROUND_A_MESSAGE, u32::saturating_add)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Conversation, Message, Role};

    #[test]
    fn a_text_has_a_token_for_every_three_bytes_and_a_message_some_more() {
        assert_eq!([0, 1, 3, 4].map(estimated_tokens), [0, 1, 1, 2]);
        assert_eq!(Prompt::Text("Once upon a time".into()).estimated_tokens(), 6);
        assert_eq!(Prompt::Tokens(vec![1; 7]).estimated_tokens(), 7);
        let message = Message { role: Role::User, content: "Hello!".into(), name: None };
        let chat = Prompt::Chat(Conversation::new(vec![message.clone(), message]).expect("messages"));
        assert_eq!(chat.estimated_tokens(), 5 + 2 * (2 + 5));
    }
}
