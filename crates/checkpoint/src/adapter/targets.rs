//! Which of a model's modules an adapter changes: PEFT's rules, over the names that modules have in transformers.

use fancy_regex::Regex;

#[derive(Debug)]
pub(super) struct Targets {
    pub(super) modules: Modules,
    pub(super) excluded: Option<Modules>,
    pub(super) layers: Layers,
}

#[derive(Debug)]
pub(super) enum Modules {
    /// The ends of names.
    Named(Vec<String>),
    /// Of a whole name.
    Pattern(Regex),
    /// Every linear module of every layer; never the head.
    AllLinear,
}

#[derive(Debug)]
pub(super) enum Layers {
    All,
    These(Vec<usize>),
}

impl Targets {
    pub(super) fn include(&self, module: &str, layer: usize) -> bool {
        let excluded = self.excluded.as_ref().is_some_and(|modules| modules.include(module));
        !excluded && self.modules.include(module) && self.layers.include(&self.modules, layer)
    }
}

impl Modules {
    fn include(&self, module: &str) -> bool {
        match self {
            Self::Named(names) => names.iter().any(|name| ends_with(module, name)),
            Self::Pattern(pattern) => pattern.is_match(module).unwrap_or(false),
            Self::AllLinear => true,
        }
    }
}

impl Layers {
    /// A pattern, which can say itself which layers it means, goes before these.
    fn include(&self, modules: &Modules, layer: usize) -> bool {
        match self {
            Self::These(layers) if !matches!(modules, Modules::Pattern(_)) => layers.contains(&layer),
            Self::These(_) | Self::All => true,
        }
    }
}

/// With a whole part of the name.
fn ends_with(module: &str, end: &str) -> bool {
    module.strip_suffix(end).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}
