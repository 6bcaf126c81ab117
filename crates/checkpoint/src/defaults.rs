//! How a model's makers would have it sampled: `generation_config.json`.

/// What a request that does not say gets. `None` where the model does not say either.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct GenerationDefaults {
    /// 0 or more.
    pub temperature: Option<f32>,
    /// Above 0, at most 1.
    pub top_p: Option<f32>,
    /// `None` too where the file has 0, which is all tokens.
    pub top_k: Option<u32>,
    /// 0 to 1.
    pub min_p: Option<f32>,
    /// Above 0.
    pub repetition_penalty: Option<f32>,
    /// Above 0.
    pub max_new_tokens: Option<u32>,
}
