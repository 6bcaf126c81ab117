//! The families of models that run here, each a row of a table.

use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    Llama,
    Mistral,
    Qwen2,
    Qwen3,
    Gpt2,
}

/// In what a family differs from the others: all that the readers must know about it.
#[derive(Debug)]
pub(crate) struct Traits {
    /// `model_type` in `config.json`.
    pub(crate) name: &'static str,
    /// The class in `architectures`, of the model that writes
    pub(crate) class: &'static str,
    /// and of the one that classifies.
    pub(crate) classifier: &'static str,
    /// Rotary positions, RMS norms and a gated MLP; otherwise learned positions, layer norms and a plain MLP.
    pub(crate) rotary: bool,
    pub(crate) biases: Biases,
    /// Queries and keys are normalised head by head.
    pub(crate) head_norms: bool,
    // What a `config.json` means that does not say, as transformers' configuration classes have it.
    pub(crate) tied_by_default: bool,
    pub(crate) default_head_dim: Option<usize>,
    pub(crate) default_context: usize,
    pub(crate) windows: Windows,
}

/// Which of the linear layers must have a bias. One that may not have is refused where the file has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Biases {
    /// Any layer may have one, none must.
    Free,
    /// Query, key and value.
    Attention,
    All,
}

/// How a family says which layers see only the last positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Windows {
    None,
    /// `sliding_window` for every layer; this one where the key is missing, none where it is null.
    Every {
        default: usize,
    },
    /// `use_sliding_window`, and then `layer_types` or the layers from `max_window_layers` on.
    Chosen,
}

impl Family {
    pub const ALL: [Self; 5] = [Self::Llama, Self::Mistral, Self::Qwen2, Self::Qwen3, Self::Gpt2];

    /// As `config.json` has it in `model_type`.
    pub const fn name(self) -> &'static str {
        self.traits().name
    }

    pub(crate) const fn traits(self) -> &'static Traits {
        match self {
            Self::Llama => &LLAMA,
            Self::Mistral => &MISTRAL,
            Self::Qwen2 => &QWEN2,
            Self::Qwen3 => &QWEN3,
            Self::Gpt2 => &GPT2,
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.name() == name)
    }

    pub(crate) fn of_class(class: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| [family.traits().class, family.traits().classifier].contains(&class))
    }

    pub(crate) fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }
}

impl fmt::Display for Family {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

const LLAMA: Traits = Traits {
    name: "llama",
    class: "LlamaForCausalLM",
    classifier: "LlamaForSequenceClassification",
    rotary: true,
    biases: Biases::Free,
    head_norms: false,
    tied_by_default: false,
    default_head_dim: None,
    default_context: 2048,
    windows: Windows::None,
};

const MISTRAL: Traits = Traits {
    name: "mistral",
    class: "MistralForCausalLM",
    classifier: "MistralForSequenceClassification",
    default_context: 131_072,
    windows: Windows::Every { default: 4096 },
    ..LLAMA
};

const QWEN2: Traits = Traits {
    name: "qwen2",
    class: "Qwen2ForCausalLM",
    classifier: "Qwen2ForSequenceClassification",
    biases: Biases::Attention,
    default_context: 32_768,
    windows: Windows::Chosen,
    ..LLAMA
};

const QWEN3: Traits = Traits {
    name: "qwen3",
    class: "Qwen3ForCausalLM",
    classifier: "Qwen3ForSequenceClassification",
    biases: Biases::Free,
    head_norms: true,
    default_head_dim: Some(128),
    ..QWEN2
};

const GPT2: Traits = Traits {
    name: "gpt2",
    class: "GPT2LMHeadModel",
    classifier: "GPT2ForSequenceClassification",
    rotary: false,
    biases: Biases::All,
    head_norms: false,
    tied_by_default: true,
    default_head_dim: None,
    default_context: 1024,
    windows: Windows::None,
};
