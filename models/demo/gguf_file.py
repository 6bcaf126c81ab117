"""The demo model as a GGUF file: written from the Hugging Face form, and read back into it.

The file follows what llama.cpp expects of the architecture `llama`: rows of the query and key matrices are reordered for
its interleaved rotary embedding, matrices are Q8_0, norms F32, and the tokenizer is `gpt2` with the `gpt-2` pre-tokenizer.
"""

from __future__ import annotations

import json
from pathlib import Path

import gguf
import numpy as np
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM

import tokenizer as demo

NAMES = {
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}


def _tensors(layers: int):
    """Pairs of (GGUF name, transformers name)."""
    yield "token_embd.weight", "model.embed_tokens.weight"
    yield "output_norm.weight", "model.norm.weight"
    for layer in range(layers):
        for theirs, ours in NAMES.items():
            yield f"blk.{layer}.{ours}.weight", f"model.layers.{layer}.{theirs}.weight"


def _heads(name: str, config) -> int | None:
    """The number of heads if the rows of this matrix are reordered."""
    if ".attn_q." in name:
        return config.num_attention_heads
    return config.num_key_value_heads if ".attn_k." in name else None


def _interleave(rows: np.ndarray, heads: int) -> np.ndarray:
    return rows.reshape(heads, 2, -1, rows.shape[1]).swapaxes(1, 2).reshape(rows.shape)


def _split(rows: np.ndarray, heads: int) -> np.ndarray:
    return rows.reshape(heads, -1, 2, rows.shape[1]).swapaxes(1, 2).reshape(rows.shape)


def write(path: Path, model: LlamaForCausalLM, tokenizer_file: Path) -> None:
    config = model.config
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("demo")
    writer.add_description("Turns English questions about a few tables into SQL; answers short questions about its server")
    writer.add_license("MIT OR Apache-2.0")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    _write_tokenizer(writer, tokenizer_file)
    weights = model.state_dict()
    for name, source in _tensors(config.num_hidden_layers):
        array = weights[source].float().numpy()
        heads = _heads(name, config)
        array = _interleave(array, heads) if heads else array
        if array.ndim == 1:
            writer.add_tensor(name, array)
        else:
            packed = gguf.quants.quantize(array, gguf.GGMLQuantizationType.Q8_0)
            writer.add_tensor(name, packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _write_tokenizer(writer: gguf.GGUFWriter, tokenizer_file: Path) -> None:
    stored = json.loads(tokenizer_file.read_text())["model"]
    vocabulary = sorted(stored["vocab"], key=stored["vocab"].get)
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in stored["merges"]]
    ids = {token: vocabulary.index(token) for token in demo.SPECIAL}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(vocabulary)
    writer.add_token_types([gguf.TokenType.CONTROL if token in demo.SPECIAL else gguf.TokenType.NORMAL for token in vocabulary])
    writer.add_token_merges(merges)
    writer.add_bos_token_id(ids[demo.END_OF_TEXT])
    writer.add_eos_token_id(ids[demo.END_OF_TURN])
    writer.add_eot_token_id(ids[demo.END_OF_TURN])
    writer.add_pad_token_id(ids[demo.END_OF_TEXT])
    writer.add_add_bos_token(False)
    writer.add_chat_template(demo.CHAT_TEMPLATE)


def read(path: Path) -> tuple[Tokenizer, LlamaForCausalLM]:
    """The tokenizer and the model with its weights as the file holds them, in f32."""
    reader = gguf.GGUFReader(path)

    def field(name: str):
        return reader.fields[name].contents()

    config = LlamaConfig(
        vocab_size=field("llama.vocab_size"), hidden_size=field("llama.embedding_length"), intermediate_size=field("llama.feed_forward_length"),
        num_hidden_layers=field("llama.block_count"), num_attention_heads=field("llama.attention.head_count"),
        num_key_value_heads=field("llama.attention.head_count_kv"), head_dim=field("llama.attention.key_length"),
        max_position_embeddings=field("llama.context_length"), rms_norm_eps=field("llama.attention.layer_norm_rms_epsilon"),
        rope_theta=field("llama.rope.freq_base"), tie_word_embeddings=True, bos_token_id=0, eos_token_id=2, pad_token_id=0)
    stored = {tensor.name: tensor for tensor in reader.tensors}
    weights = {}
    for name, target in _tensors(config.num_hidden_layers):
        array = gguf.quants.dequantize(stored[name].data, stored[name].tensor_type)
        heads = _heads(name, config)
        weights[target] = torch.tensor(_split(array, heads) if heads else array)
    model = LlamaForCausalLM(config)
    missing = model.load_state_dict(weights, strict=False)
    assert missing.missing_keys in ([], ["lm_head.weight"]) and not missing.unexpected_keys, missing
    model.tie_weights()
    model.generation_config.update(eos_token_id=[2, 0], pad_token_id=0, bos_token_id=0)
    return _read_tokenizer(field), model.eval()


def _read_tokenizer(field) -> Tokenizer:
    tokens = field("tokenizer.ggml.tokens")
    merges = [tuple(merge.split(" ")) for merge in field("tokenizer.ggml.merges")]
    tokenizer = Tokenizer(models.BPE({token: number for number, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    kinds = field("tokenizer.ggml.token_type")
    special = [token for token, kind in zip(tokens, kinds, strict=True) if kind == gguf.TokenType.CONTROL]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    return tokenizer
