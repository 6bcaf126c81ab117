"""Measures the adapters on held-out questions, once through PEFT and once through the server; writes evaluation.json.

`exact` counts answers equal to the expected text, `runs` SQL that PostgreSQL takes, `rows` SQL that gives the expected rows. Decoding is
greedy. PEFT runs on the dequantised weights in f32, the server on the file's own; `alike` counts prompts that both answer with the same text.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics

import torch
from peft import PeftModel

from databases import Databases
from lessons import ADAPTERS, HERE, WORK
from serving import Server

import answer
import evaluate
import gguf_file
import tokenizer as demo
from generate import PROMISED, message
from dialect import postgresql

QUESTIONS, TURNS = 300, 120
WANTED = {"demo": ("sqlite", "full"), "postgresql": ("postgresql", "postgresql"), "brief": ("sqlite", "brief")}


def served(adapter: str) -> str:
    return adapter if adapter == "demo" else f"demo-{adapter}"


def catalogue() -> list[dict]:
    return [{"id": "demo", "source": "embedded", "adapters": [{"id": served(adapter), "source": str(HERE / adapter)} for adapter in ADAPTERS]}]


def held_out() -> list[dict]:
    records = [json.loads(line) for line in (WORK / "held_out.jsonl").open()]
    kinds = [[record for record in records if record["kind"] == kind] for kind in ("sql", "chat")]
    return kinds[0][:QUESTIONS] + kinds[1][:TURNS]


def with_answers(record: dict, prompt: list[dict], want: str) -> dict:
    return {"messages": [*prompt, message("assistant", record["want"][want])]}


def through_peft(records: list[dict]):
    """The answers of the base and of each adapter, how surprised they are by the answers that the adapters learned, and `lead` for two answers."""
    tokenizer, base = gguf_file.read(HERE.parent / "demo" / "demo.gguf")
    prompts = [record[way] for record in records for way in ("plain", "marked")]
    answers = {"demo": answer.greedy(tokenizer, base, prompts)}
    kinds = {"sql": records[:QUESTIONS], "chat": records[QUESTIONS:]}

    def perplexities(model, adapter: str) -> dict:
        wants = dict(zip(kinds, WANTED[adapter], strict=True))
        return {kind: evaluate.perplexity(tokenizer, model, [with_answers(record, record["plain"], wants[kind]) for record in kinds[kind]]) for kind in kinds}

    surprise = {"demo": perplexities(base, "demo")}
    before = {adapter: perplexities(base, adapter) for adapter in ADAPTERS}
    model = None
    for adapter in ADAPTERS:
        model = PeftModel.from_pretrained(base, HERE / adapter, adapter_name=adapter) if model is None else model
        if adapter not in model.peft_config:
            model.load_adapter(HERE / adapter, adapter_name=adapter)
        model.set_adapter(adapter)
        model.eval()
        answers[adapter] = answer.greedy(tokenizer, model, prompts)
        surprise[adapter] = {"without it": before[adapter], "with it": perplexities(model, adapter)}

    def lead(adapter: str, number: int, other: str) -> float:
        """By how many logits PEFT prefers its own answer to another one, at the first token that is not the same."""
        ends = [tokenizer.encode(text + demo.END_OF_TURN, add_special_tokens=False).ids for text in (answers[adapter][number], other)]
        same = next(place for place, (one, another) in enumerate(zip(*ends)) if one != another)
        ids = tokenizer.encode(demo.render(prompts[number]), add_special_tokens=False).ids + ends[0][:same]
        with torch.inference_mode(), model.disable_adapter() if adapter == "demo" else contextlib.nullcontext():
            if adapter != "demo":
                model.set_adapter(adapter)
            logits = model(torch.tensor([ids])).logits[0, -1]
        return (logits[ends[0][same]] - logits[ends[1][same]]).item()

    return answers, surprise, lead


def through_server(records: list[dict]) -> tuple[dict[str, list[dict]], dict]:
    """The answers; shares of SQL that the server finds valid; and whether the base answers as without adapters."""
    prompts = [record[way] for record in records for way in ("plain", "marked")]
    questions = prompts[: 2 * QUESTIONS]
    with Server(catalogue()) as server:
        answers = {adapter: server.chat(served(adapter), prompts) for adapter in ("demo", *ADAPTERS)}
        verdicts = {adapter: server.sql(served(adapter), "postgresql", questions) for adapter in ("demo", *ADAPTERS)}
        kept = {adapter: promised(server, adapter) for adapter in ("demo", *ADAPTERS)}
    with Server([{"id": "demo", "source": "embedded"}]) as server:
        alone = server.chat("demo", prompts)
    same = sum(one["text"] == other["text"] for one, other in zip(alone, answers["demo"], strict=True))
    valid = {adapter: evaluate.share([verdict["valid"] for verdict in found]) for adapter, found in verdicts.items()}
    return answers, {"prompts": len(prompts), "base as without adapters": same, "valid in PostgreSQL by /text2sql": valid, "promised questions right": kept}


def judge(records: list[dict], adapter: str, texts: list[str], databases: Databases) -> dict:
    """Shares for each kind of question and way of asking; of SQL also of the questions whose answers are not the same in both dialects."""
    found: dict[str, dict[str, list[bool]]] = {}

    def note(group: str, **marks: bool) -> None:
        for name, mark in marks.items():
            found.setdefault(group, {}).setdefault(name, []).append(mark)

    for number, record in enumerate(records):
        for way, text in zip(("plain", "marked"), texts[2 * number : 2 * number + 2], strict=True):
            want = record["want"]
            if record["kind"] == "chat":
                note(f"chat, {way}", **{f"exact {name}": text == said for name, said in want.items() if name != "postgresql"})
                continue
            rows = {name: databases.rows(name, record["tables"], text) for name in ("sqlite", "postgresql")}
            right = {f"rows {name}": given == databases.rows(name, record["tables"], want[name]) for name, given in rows.items()}
            marks = {"runs": rows["postgresql"] is not None, **right, **{f"exact {name}": text == said for name, said in want.items()}}
            note(f"sql, {way}", **marks)
            if want["sqlite"] != want["postgresql"]:
                note(f"sql that differs, {way}", **marks)
    return {group: {"questions": len(marks[next(iter(marks))]), **{name: evaluate.share(hits) for name, hits in marks.items()}} for group, marks in found.items()}


def tokens(answers: list[dict], first: int) -> float:
    """The mean length of the answers to plain prompts."""
    counts = [given["tokens"] for given in answers[first::2]]
    return round(sum(counts) / len(counts), 1)


def promised(server: Server, adapter: str) -> float:
    """The share of the questions of the product's documentation that come out right, in either dress."""
    prompts = [[message("user", dress + question)] for question, _ in PROMISED for dress in ("", "Convert to SQL: ")]
    wanted = [postgresql(sql) if adapter == "postgresql" else sql for _, sql in PROMISED for _ in range(2)]
    return evaluate.share([given["text"] == sql for given, sql in zip(server.chat(served(adapter), prompts), wanted, strict=True)])


def main() -> None:
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    records = held_out()
    by_peft, surprise, lead = through_peft(records)
    by_server, server = through_server(records)
    report = {"server": server, "perplexity of held-out answers": surprise, "alike through PEFT and the server": {}, "tokens of a chat answer": {}, "through the server": {}, "through PEFT": {}}
    differing, leads = [], []
    with Databases() as databases:
        for adapter, given in by_server.items():
            texts = [one["text"] for one in given]
            pairs = list(zip(texts, by_peft[adapter], strict=True))
            report["alike through PEFT and the server"][adapter] = {"prompts": len(pairs), "alike": sum(ours == theirs for ours, theirs in pairs)}
            leads += [lead(adapter, number, ours) for number, (ours, theirs) in enumerate(pairs) if ours != theirs]
            differing += [{"model": adapter, "server": ours, "PEFT": theirs} for ours, theirs in pairs if ours != theirs]
            report["tokens of a chat answer"][adapter] = tokens(given, 2 * QUESTIONS)
            report["through the server"][adapter] = judge(records, adapter, texts, databases)
            report["through PEFT"][adapter] = judge(records, adapter, by_peft[adapter], databases)
    report["lead of PEFT's token, in logits, where the two part"] = {"median": round(statistics.median(leads), 3), "most": round(max(leads), 3)} if leads else None
    (HERE / "evaluation.json").write_text(json.dumps(report, indent=1) + "\n")
    (WORK / "differing.json").write_text(json.dumps(differing, indent=1) + "\n")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
