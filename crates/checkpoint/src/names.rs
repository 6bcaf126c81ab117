//! What the weights are called in the files.

/// The names in one kind of file. Those of a layer follow `layer`, the layer's number and a dot.
#[derive(Debug)]
pub(crate) struct Names {
    pub(crate) embeddings: &'static str,
    pub(crate) positions: &'static str,
    pub(crate) final_norm: &'static str,
    /// Never behind a prefix.
    pub(crate) head: &'static str,
    /// The head of a model that classifies. Never behind a prefix.
    pub(crate) classifier: &'static str,
    pub(crate) layer: &'static str,
    pub(crate) attention_norm: &'static str,
    pub(crate) attention: AttentionNames,
    pub(crate) output: &'static str,
    pub(crate) query_norm: &'static str,
    pub(crate) key_norm: &'static str,
    pub(crate) mlp_norm: &'static str,
    pub(crate) gate: &'static str,
    pub(crate) up: &'static str,
    pub(crate) down: &'static str,
    /// What the names may begin with, in Hugging Face files: a model saved without its head has no prefix.
    pub(crate) prefix: &'static str,
    /// Parts of the names of tensors that hold no weights: masks and tables that are computed.
    pub(crate) not_weights: &'static [&'static str],
}

impl Names {
    /// Whether this tensor holds no weights.
    pub(crate) fn is_no_weight(&self, tensor: &str) -> bool {
        self.not_weights.iter().any(|part| tensor.contains(part))
    }
}

#[derive(Debug)]
pub(crate) enum AttentionNames {
    Separate {
        query: &'static str,
        key: &'static str,
        value: &'static str,
    },
    /// Query, key and value are the rows of one matrix.
    Fused(&'static str),
}

/// Hugging Face: Llama, Mistral, Qwen.
pub(crate) const LLAMA: Names = Names {
    embeddings: "embed_tokens",
    positions: "",
    final_norm: "norm",
    head: "lm_head",
    classifier: "score",
    layer: "layers.",
    attention_norm: "input_layernorm",
    attention: AttentionNames::Separate { query: "self_attn.q_proj", key: "self_attn.k_proj", value: "self_attn.v_proj" },
    output: "self_attn.o_proj",
    query_norm: "self_attn.q_norm",
    key_norm: "self_attn.k_norm",
    mlp_norm: "post_attention_layernorm",
    gate: "mlp.gate_proj",
    up: "mlp.up_proj",
    down: "mlp.down_proj",
    prefix: "model.",
    not_weights: &["rotary_emb.inv_freq"],
};

/// Hugging Face: GPT-2.
pub(crate) const GPT2: Names = Names {
    embeddings: "wte",
    positions: "wpe",
    final_norm: "ln_f",
    head: "lm_head",
    classifier: "score",
    layer: "h.",
    attention_norm: "ln_1",
    attention: AttentionNames::Fused("attn.c_attn"),
    output: "attn.c_proj",
    query_norm: "",
    key_norm: "",
    mlp_norm: "ln_2",
    gate: "",
    up: "mlp.c_fc",
    down: "mlp.c_proj",
    prefix: "transformer.",
    not_weights: &[".attn.bias", ".attn.masked_bias"],
};

/// GGUF: Llama, Mistral, Qwen.
pub(crate) const GGUF: Names = Names {
    embeddings: "token_embd",
    positions: "position_embd",
    final_norm: "output_norm",
    head: "output",
    classifier: "cls.output",
    layer: "blk.",
    attention_norm: "attn_norm",
    attention: AttentionNames::Separate { query: "attn_q", key: "attn_k", value: "attn_v" },
    output: "attn_output",
    query_norm: "attn_q_norm",
    key_norm: "attn_k_norm",
    mlp_norm: "ffn_norm",
    gate: "ffn_gate",
    up: "ffn_up",
    down: "ffn_down",
    prefix: "",
    not_weights: &["rope_freqs.weight"],
};

/// GGUF: GPT-2.
pub(crate) const GGUF_GPT2: Names = Names { attention: AttentionNames::Fused("attn_qkv"), ..GGUF };
