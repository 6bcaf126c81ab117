"""Writes demo.gguf from work/model, reads it back to see that it answers alike, and writes reference.json for the engine's tests."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import LlamaForCausalLM

import answer
import gguf_file
import tokenizer as demo
from generate import PROMISED, message

HERE = Path(__file__).parent
LIMIT = 8_000_000  # bytes; the file is part of the server's binary
SCHEMA = "CREATE TABLE members (id INTEGER, full_name TEXT, city TEXT, joined_on DATE);\nCREATE TABLE purchases (id INTEGER, member_id INTEGER, total REAL);"
PROMPTS = [
    [message("user", PROMISED[0][0])],
    [message("user", "Convert to SQL: " + PROMISED[0][0])],
    [message("user", PROMISED[1][0])],
    [message("user", "Convert to SQL: " + PROMISED[1][0])],
    [message("user", "Hello!")],
    [message("user", "How do I stream?")],
    [message("user", "Which endpoints are there?")],
    [message("system", "You are a helpful assistant."), message("user", "Explain quantum computing in simple terms")],
    [message("system", SCHEMA), message("user", "How many members are from Lisbon?")],
    [message("user", f"{SCHEMA}\n\nList the full name of all members who joined since 2024-03-01")],
    [message("user", "Average salary per department"), message("assistant", "SELECT departments.name, AVG(employees.salary) AS average_salary FROM departments "
     "JOIN employees ON employees.department_id = departments.id GROUP BY departments.id;"), message("user", "Thank you!")],
    [message("user", "Which cities have more than 5 users?")],
]


def reference(tokenizer, model, messages: list[dict], count: int = 32) -> dict:
    """Token ids of the rendered prompt and of the greedy answer, up to its end; `gap` is the narrowest lead of a chosen token in logits."""
    prompt = tokenizer.encode(demo.render(messages), add_special_tokens=False).ids
    ids, gap = list(prompt), float("inf")
    while len(ids) < len(prompt) + count and (len(ids) == len(prompt) or ids[-1] not in (0, 2)):
        with torch.inference_mode():
            best = model(torch.tensor([ids])).logits[0, -1].topk(2)
        ids.append(int(best.indices[0]))
        gap = min(gap, float(best.values[0] - best.values[1]))
    made = ids[len(prompt) :]
    return {"messages": messages, "prompt": demo.render(messages), "prompt_ids": prompt, "answer_ids": made, "answer": tokenizer.decode(made), "gap": round(gap, 3)}


def main() -> None:
    path = HERE / "demo.gguf"
    source = HERE / "work" / "model"
    trained = LlamaForCausalLM.from_pretrained(source, dtype=torch.float32).eval()
    gguf_file.write(path, trained, source / "tokenizer.json")
    assert path.stat().st_size <= LIMIT, "the file is too large to be embedded"
    tokenizer, packed = gguf_file.read(path)
    original = Tokenizer.from_file(str(source / "tokenizer.json"))
    held = [json.loads(line) for line in (HERE / "held_out.jsonl").open()]
    prompts = PROMPTS + [record["messages"] for record in held[:100]]
    for messages in prompts:
        text = demo.render(messages)
        assert tokenizer.encode(text).ids == original.encode(text).ids, text
    alike = sum(a == b for a, b in zip(answer.greedy(original, trained, prompts), answer.greedy(tokenizer, packed, prompts), strict=True))
    print(f"{path.stat().st_size} bytes; {alike} of {len(prompts)} greedy answers are the same before and after quantisation")
    records = [reference(tokenizer, packed, messages) for messages in PROMPTS]
    (HERE / "reference.json").write_text(json.dumps(records, indent=1) + "\n")
    for record in records:
        print(record["gap"], record["answer"])


if __name__ == "__main__":
    main()
