//! One answer in the making, as the scheduler sees it: tokens, and the blocks that hold their keys and values.

use std::sync::Arc;

use backend::{Priority, Tenant};

use crate::blocks::PrefixHash;
use crate::model::{Adapter, AdapterNumber};

/// Counts up in order of arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SequenceId(pub(crate) u64);

/// Whose turn is first: low priority numbers, then low turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    priority: Priority,
    turn: Turn,
    pub(crate) id: SequenceId,
}

/// The number of requests that came before, and for each choice behind the first as many more as can run at once: so many may overtake
/// it. Whoever asks for a hundred answers keeps nobody waiting for all of them, and gets them all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Turn(pub(crate) u64);

impl Rank {
    pub(crate) fn priority(&self) -> Priority {
        self.priority
    }
}

impl Turn {
    pub(crate) fn of_choice(self, choice: u16, running: usize) -> Self {
        Self(self.0 + u64::from(choice) * running as u64)
    }
}

#[derive(Debug)]
pub(crate) struct Sequence {
    pub(crate) id: SequenceId,
    /// The prompt, and behind it what was generated; while a plan is run also what was guessed for it.
    pub(crate) tokens: Vec<u32>,
    pub(crate) prompt_tokens: usize,
    /// How many of `tokens` have their keys and values in `blocks`.
    pub(crate) computed: usize,
    /// The same of a draft model, whose keys and values lie in blocks of the same numbers.
    pub(crate) drafted: usize,
    pub(crate) blocks: Vec<u32>,
    /// The names of the blocks that were published, from the first on.
    pub(crate) published: Vec<PrefixHash>,
    pub(crate) adapter: Option<Arc<Adapter>>,
    pub(crate) tenant: Tenant,
    pub(crate) priority: Priority,
    pub(crate) turn: Turn,
    /// Another choice of the same request whose prompt this one can take over, once it is computed.
    pub(crate) leader: Option<SequenceId>,
    /// Every prompt token has to be run, because its logarithms were asked for.
    pub(crate) whole_prompt: bool,
}

impl Sequence {
    /// Tokens that still have to be run before the next can be sampled; 1 while decoding.
    pub(crate) fn pending(&self) -> usize {
        self.tokens.len() - self.computed
    }

    /// Whether each prompt token's row is still wanted. Once the answer has begun they have all been there, and a sequence
    /// that was set back need not give them again.
    pub(crate) fn wants_whole_prompt(&self) -> bool {
        self.whole_prompt && self.tokens.len() == self.prompt_tokens
    }

    /// Its answer has begun, and the last token of that is all that is not computed.
    pub(crate) fn is_decoding(&self) -> bool {
        self.tokens.len() > self.prompt_tokens && self.pending() == 1
    }

    pub(crate) fn prompt_is_computed(&self) -> bool {
        self.computed >= self.prompt_tokens
    }

    /// Of what is added to the model for it, if something is.
    pub(crate) fn adapter(&self) -> Option<AdapterNumber> {
        self.adapter.as_ref().map(|adapter| adapter.number())
    }

    pub(crate) fn rank(&self) -> Rank {
        Rank { priority: self.priority, turn: self.turn, id: self.id }
    }
}
