"""Greedy answers of a model to many prompts at once."""

from __future__ import annotations

import torch

import tokenizer as demo


def greedy(tokenizer, model, conversations: list[list[dict]], most: int = 160, batch: int = 64) -> list[str]:
    """The answer to each conversation, in the order given."""
    prompts = [tokenizer.encode(demo.render(messages), add_special_tokens=False).ids for messages in conversations]
    order = sorted(range(len(prompts)), key=lambda index: len(prompts[index]))
    answers = [""] * len(prompts)
    for start in range(0, len(order), batch):
        chosen = order[start : start + batch]
        width = max(len(prompts[index]) for index in chosen)
        ids = torch.zeros(len(chosen), width, dtype=torch.long)
        attention = torch.zeros_like(ids)
        for row, index in enumerate(chosen):
            ids[row, width - len(prompts[index]) :] = torch.tensor(prompts[index])
            attention[row, width - len(prompts[index]) :] = 1
        with torch.inference_mode():
            made = model.generate(ids, attention_mask=attention, max_new_tokens=most, do_sample=False)
        for row, index in enumerate(chosen):
            answers[index] = tokenizer.decode(made[row, width:].tolist(), skip_special_tokens=True)
    return answers
