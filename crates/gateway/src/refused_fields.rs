//! Fields of a request that are not handed on, whatever the server behind would make of them.
//!
//! Who reaches a server only through us should reach its model, and not its insides: where it takes its cache from, whose code it
//! runs, under which name it knows a request. OpenAI's clients send none of these.

use backend::{Error, Result};
use openai::verbatim::Verbatim;

/// Where nobody says which.
pub const REFUSED_FIELDS: [&str; 20] = [
    // vLLM: hosts and blocks from which another process's cache is read, and the same by the back door of its extensions.
    "kv_transfer_params",
    "ec_transfer_params",
    "vllm_xargs",
    // SGLang: the same, and which of its processes is asked.
    "bootstrap_host",
    "bootstrap_port",
    "bootstrap_room",
    "data_parallel_rank",
    "routed_dp_rank",
    "disagg_prefill_dp_rank",
    // Code, and tensors that are unpickled.
    "custom_logit_processor",
    "custom_params",
    "logits_processors",
    "prompt_embeds",
    // Adapters and sessions past what a key may ask for.
    "lora",
    "lora_path",
    "session_params",
    // The names under which requests are known there, of which two must not be alike, and llama-server's places for them.
    "request_id",
    "rid",
    "id_slot",
    // llama-server believes it before max_tokens, which is what was checked and set aside.
    "n_predict",
];

/// Null asks for nothing.
pub(crate) fn check(fields: &Verbatim<'_>, refused: &[String]) -> Result<()> {
    let is_asked = |name: &&String| fields.get(name).is_some_and(|json| json != "null");
    match refused.iter().find(is_asked) {
        Some(name) => Err(Error::unsupported(name, "it is not handed on to the server behind this model")),
        None => Ok(()),
    }
}
