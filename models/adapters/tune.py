"""Trains one adapter with PEFT on the weights that demo.gguf holds, dequantised and frozen; leaves it in the directory of its name.

Only answers are learned, as in `../demo/train.py`, whose batches these are.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time

import torch
import torch.nn.functional as F
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file

from lessons import ADAPTERS, HERE, SEEDS, WORK

import gguf_file
import train

BASE = "models/demo/demo.gguf"  # no place on a Hub: who loads the adapter says to which model it belongs
RANK, PEAK, WARM_UP = 8, 3e-3, 40
BATCH_TOKENS = 2048
MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def rate(step: int, steps: int) -> float:
    """Warm-up, then half a cosine down to a hundredth."""
    return min(1.0, (step + 1) / WARM_UP) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / steps)))


def save(model, adapter: str) -> None:
    """As PEFT saves it, in half floats: it is trained in f32, and f16 keeps eleven bits of each number."""
    model.peft_config["default"].base_model_name_or_path = BASE
    model.save_pretrained(HERE / adapter)
    (HERE / adapter / "README.md").unlink(missing_ok=True)
    path = HERE / adapter / "adapter_model.safetensors"
    save_file({name: tensor.half() for name, tensor in load_file(path).items()}, path, metadata={"format": "pt"})


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("adapter", choices=ADAPTERS)
    arguments.add_argument("--steps", type=int, default=600)
    arguments.add_argument("--threads", type=int, default=1, help="more are slower where they have to wait for each other")
    options = arguments.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(SEEDS[options.adapter])

    tokenizer, base = gguf_file.read(HERE.parent / "demo" / "demo.gguf")
    model = get_peft_model(base.train(), LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules=MODULES, task_type="CAUSAL_LM"))
    sequences = train.encode(tokenizer, [json.loads(line) for line in (WORK / f"{options.adapter}.jsonl").open()])
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    print(f"{sum(len(ids) for ids, _ in sequences) / 1e6:.1f} M tokens, {sum(p.numel() for p in learned)} parameters", flush=True)

    optimizer = torch.optim.AdamW(learned, lr=PEAK, weight_decay=0.0, betas=(0.9, 0.98))
    train.BATCH_TOKENS = BATCH_TOKENS
    source = train.batches(sequences, random.Random(SEEDS[options.adapter]))
    started, tokens, recent = time.monotonic(), 0, 0.0
    for step in range(options.steps):
        inputs, targets, wanted = next(source)
        hidden = base.model(input_ids=inputs, use_cache=False).last_hidden_state
        loss = F.cross_entropy(hidden[wanted] @ base.lm_head.weight.T, targets[wanted])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learned, 1.0)
        for group in optimizer.param_groups:
            group["lr"] = PEAK * rate(step, options.steps)
        optimizer.step()
        optimizer.zero_grad()
        tokens += inputs.numel()
        recent = loss.item() if step == 0 else 0.95 * recent + 0.05 * loss.item()
        if step % 20 == 19 or step == 0:
            elapsed = time.monotonic() - started
            print(f"step {step + 1}  loss {recent:.4f}  {tokens / 1e6:.2f} M tokens  {tokens / elapsed:.0f} tokens/s  {elapsed / 60:.1f} min", flush=True)
        if step % 100 == 99:
            save(model, options.adapter)
    save(model, options.adapter)
    summary = {"steps": options.steps, "tokens": tokens, "minutes": round((time.monotonic() - started) / 60, 1), "loss": round(recent, 4)}
    (WORK / f"{options.adapter}-training.json").write_text(json.dumps(summary, indent=1) + "\n")


if __name__ == "__main__":
    main()
