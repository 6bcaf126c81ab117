//! Guessing tokens ahead, so that one step verifies several where it would have computed one.
//!
//! A step that decodes few sequences waits for memory: it reads every weight, and more rows cost little more. So what is likely
//! to follow is run along, and the sampler goes through the rows in order as it would have done one step at a time; where it
//! chooses another token than was guessed, what was run behind it is forgotten. Nothing of this shows in what is generated, for
//! a row has the same bits whatever else is in the step. A guess is one token and no distribution, so this is the acceptance
//! rule of speculative sampling too (Leviathan et al., <https://arxiv.org/abs/2211.17192>): the chance that a guess is accepted
//! is what the model gives it.
//!
//! Guesses come from the text itself ([`ngram`]) or from a small model ([`draft_model`]), whose time is counted too.
//!
//! How many guesses are run is decided anew in each step, from how often they came true ([`odds`]: in this answer, which begins with
//! what those before it have shown) and from what rows cost.

mod cost;
mod draft_model;
mod guesser;
mod heed;
mod lengths;
mod ngram;
mod odds;

pub(crate) use cost::StepCost;
pub use draft_model::DraftError;
pub(crate) use draft_model::{DraftModel, Task};
pub(crate) use guesser::{Guess, Guesser};
pub use lengths::MOST_GUESSES;
pub(crate) use lengths::{Drafting, Lengths, Offer};
pub(crate) use odds::Odds;
