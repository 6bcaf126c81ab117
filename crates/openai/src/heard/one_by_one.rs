//! What an answer cost where the server says so of one choice at a time, as llama.cpp does: a usage for each choice of a stream, and
//! that of the first alone where several come in one piece.

use backend::{Usage, estimated_tokens};

use super::answer::Choice;

#[derive(Debug, Clone, Default)]
pub(super) struct OneByOne {
    sum: Usage,
    /// Of how many choices that is.
    choices: u32,
    /// Others came beside the first.
    beside: bool,
}

impl OneByOne {
    /// `choices` are those that came with it. Of those behind the first nobody says what they cost: they are taken to have as many tokens
    /// for their bytes as the first.
    pub(super) fn add(&mut self, usage: Usage, choices: &[Choice]) {
        let bytes = |choice: &Choice| choice.piece().bytes;
        let of_first = choices.first().map_or(0, bytes) as u64;
        let tokens = |bytes: usize| match of_first {
            0 => estimated_tokens(bytes),
            first => saturated((bytes as u64 * u64::from(usage.completion_tokens)).div_ceil(first)),
        };
        let others = choices.iter().skip(1).map(|choice| tokens(bytes(choice)).max(1)).fold(0, u32::saturating_add);
        self.choices += 1;
        self.beside |= choices.len() > 1;
        let Usage { prompt_tokens, cached_tokens, completion_tokens } = &mut self.sum;
        *prompt_tokens = prompt_tokens.saturating_add(usage.prompt_tokens);
        *cached_tokens = cached_tokens.saturating_add(usage.cached_tokens);
        *completion_tokens = completion_tokens.saturating_add(usage.completion_tokens).saturating_add(others);
    }

    /// Of so many prompts, each of which counts once, however many choices it has. `thought` is what they were thought to have: it
    /// stands where only the first was counted.
    pub(super) fn usage(&self, prompts: u32, thought: u32) -> Usage {
        let of_all = |sum: u32| saturated(u64::from(sum) * u64::from(prompts) / u64::from(self.choices.max(1)));
        let (prompt_tokens, cached_tokens) = (of_all(self.sum.prompt_tokens), of_all(self.sum.cached_tokens));
        let counted = prompts == 1 || !self.beside;
        Usage { prompt_tokens: if counted { prompt_tokens } else { thought }, cached_tokens, ..self.sum }
    }
}

fn saturated(tokens: u64) -> u32 {
    u32::try_from(tokens).unwrap_or(u32::MAX)
}
