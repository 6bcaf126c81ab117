//! The classes of a model that was trained to sort texts, not to write them.

/// What the last hidden state of a text is turned into, in place of the logits of a vocabulary.
#[derive(Debug, Clone, PartialEq)]
pub struct Classes {
    /// One a class, in the order of the head's rows; at least one.
    pub labels: Vec<String>,
    pub scoring: Scoring,
    /// `pad_token_id`: at the end of an input it does not count, as transformers looks for the last token that is another.
    pub padding: Option<u32>,
}

/// How logits become scores: what transformers' text-classification pipeline and vLLM do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scoring {
    /// One of several classes holds: softmax.
    OneOf,
    /// Each class holds or not, whatever the others do: a sigmoid of each. So too where there is one class.
    EachByItself,
    /// A regression: the logits are the answer.
    Value,
}
