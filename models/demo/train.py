"""Trains the tokenizer and the model on work/train.jsonl; leaves a Hugging Face directory in work/model.

Only answers are learned, prompts are read. Batches hold sequences of about one length and a fixed number of tokens. The
matrices are trained by Muon and the rest by AdamW. A checkpoint is written as training goes on, so that an interrupted run
still leaves a model.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from array import array
from pathlib import Path

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

import tokenizer as demo

WORK = Path(__file__).parent / "work"
CONTEXT = 2048
BATCH_TOKENS = 4096
SEED = 20


def new_model() -> LlamaForCausalLM:
    config = LlamaConfig(
        vocab_size=demo.VOCABULARY, hidden_size=256, intermediate_size=512, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2,
        head_dim=64, max_position_embeddings=CONTEXT, rms_norm_eps=1e-5, tie_word_embeddings=True, bos_token_id=0, eos_token_id=2, pad_token_id=0)
    model = LlamaForCausalLM(config)
    model.generation_config = GenerationConfig(bos_token_id=0, eos_token_id=[2, 0], pad_token_id=0)
    return model


def encode(tokenizer, records: list[dict]) -> list[tuple[array, array]]:
    """Each record as token ids and, for each of them, whether it is learned."""
    parts = [demo.pieces(record) for record in records]
    encoded = iter(tokenizer.encode_batch_fast([text for record in parts for text, _ in record], add_special_tokens=False))
    sequences = []
    for record in parts:
        ids: list[int] = []
        learned: list[bool] = []
        for _, learn in record:
            piece = next(encoded).ids
            ids += piece
            learned += [learn] * len(piece)
        sequences.append((array("H", ids[: CONTEXT + 1]), array("B", learned[: CONTEXT + 1])))
    return sequences


def batches(sequences, chance: random.Random):
    """Endless batches of (input ids, target ids, which targets are learned), padded on the right to a multiple of 32."""
    while True:
        order = sorted(range(len(sequences)), key=lambda index: (len(sequences[index][0]) + 31) // 32 + chance.random() * 0.9)
        groups, start = [], 0
        while start < len(order):
            width = _width(sequences, order, start)
            groups.append(order[start : start + max(1, BATCH_TOKENS // width)])
            start += len(groups[-1])
        chance.shuffle(groups)
        for group in groups:
            yield _batch([sequences[index] for index in group])


def _width(sequences, order, start) -> int:
    """The width of the batch that begins here: that of its longest sequence, found in two looks because the order is by length."""
    guess = len(sequences[order[start]][0]) + 32
    last = order[min(len(order) - 1, start + BATCH_TOKENS // guess)]
    return len(sequences[last][0]) + 32


def _batch(sequences):
    width = (max(len(ids) for ids, _ in sequences) - 1 + 31) // 32 * 32
    ids = torch.zeros(len(sequences), width + 1, dtype=torch.long)
    learned = torch.zeros(len(sequences), width + 1, dtype=torch.bool)
    for row, (tokens, mask) in enumerate(sequences):
        ids[row, : len(tokens)] = torch.tensor(tokens.tolist())
        learned[row, : len(mask)] = torch.tensor(mask.tolist(), dtype=torch.bool)
    return ids[:, :-1], ids[:, 1:], learned[:, 1:]


def optimizers(model):
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    return [(torch.optim.Muon(matrices, weight_decay=0.01, momentum=0.95), 0.02),
            (torch.optim.AdamW(others, weight_decay=0.0, betas=(0.9, 0.98), fused=True), 0.003)]


def rate(progress: float, step: int) -> float:
    """Warm-up over 60 steps, then half a cosine down to a hundredth."""
    return min(1.0, (step + 1) / 60) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--steps", type=int, default=3000)
    arguments.add_argument("--minutes", type=float, default=math.inf, help="end earlier than --steps, at this time")
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--eager", action="store_true", help="without torch.compile")
    arguments.add_argument("--resume", action="store_true", help="go on from the weights and the tokenizer of work/model, with a new warm-up")
    arguments.add_argument("--peak", type=float, default=1.0, help="factor of the peak rates")
    arguments.add_argument("--seed", type=int, default=SEED, help="of the order of the data")
    options = arguments.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(SEED)

    records = [json.loads(line) for line in (WORK / "train.jsonl").open()]
    if options.resume:
        tokenizer = Tokenizer.from_file(str(WORK / "model" / "tokenizer.json"))
    else:
        tokenizer = demo.train(text for record in records[:40_000] for text, _ in demo.pieces(record))
        demo.save(tokenizer, WORK / "model")
    sequences = encode(tokenizer, records)
    print(f"{sum(len(ids) for ids, _ in sequences) / 1e6:.1f} M tokens, {sum(sum(mask) for _, mask in sequences) / 1e6:.1f} M learned", flush=True)

    model = LlamaForCausalLM.from_pretrained(WORK / "model", dtype=torch.float32).train() if options.resume else new_model()
    print(f"{model.num_parameters() / 1e6:.2f} M parameters", flush=True)
    if not options.eager:
        for layer in model.model.layers:  # one layer at a time: they share the compiled code
            layer.compile(dynamic=True)
    steppers = optimizers(model)
    source = batches(sequences, random.Random(options.seed))
    started, tokens, recent = time.monotonic(), 0, 0.0
    step, progress = 0, 0.0
    while progress < 1.0:
        inputs, targets, learned = next(source)
        with torch.autocast("cpu", torch.bfloat16):
            hidden = model.model(input_ids=inputs, use_cache=False).last_hidden_state
            logits = hidden[learned] @ model.lm_head.weight.T
        loss = F.cross_entropy(logits.float(), targets[learned])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, peak in steppers:
            for group in optimizer.param_groups:
                group["lr"] = options.peak * peak * rate(progress, step)
            optimizer.step()
            optimizer.zero_grad()
        step += 1
        tokens += inputs.numel()
        recent = loss.item() if step == 1 else 0.95 * recent + 0.05 * loss.item()
        elapsed = time.monotonic() - started
        progress = max(step / options.steps, elapsed / 60 / options.minutes)
        if step % 25 == 0 or step in (1, 2, 5, 10):
            print(f"step {step}  loss {recent:.4f}  {tokens / 1e6:.2f} M tokens  {tokens / elapsed:.0f} tokens/s  {elapsed / 60:.1f} min  {progress:.0%}", flush=True)
        if step % 200 == 0:
            model.save_pretrained(WORK / "model")
    model.save_pretrained(WORK / "model")
    summary = {"steps": step, "tokens": tokens, "minutes": round((time.monotonic() - started) / 60, 1), "loss": round(recent, 4), "parameters": model.num_parameters()}
    (WORK / "training.json").write_text(json.dumps(summary, indent=1) + "\n")


if __name__ == "__main__":
    main()
