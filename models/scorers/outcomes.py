"""Real outcomes for a scorer: who of the models that the binary can run answers which question rightly, and whether choosing pays.

The models are the demo model, its two adapters (`../adapters`) and its quantisations. The questions are held-out ones of `../adapters/lessons.py`
of four kinds: SQL for SQLite, SQL for PostgreSQL, chat, and chat in few words. An answer scores 1 where its rows, or its text in a chat, are the
expected ones, else 0. What it costs is the weights that were read to write it, in millions of bytes for each token.

    LLM_TEST_BINARY=… python outcomes.py      asks, trains a scorer with the command, routes other questions, writes outcomes.json
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
WORK = HERE / "work"
ADAPTERS = HERE.parent / "adapters"
sys.path.append(str(ADAPTERS))

import dialect
import lessons
import tone
from databases import Databases
from serving import Server

import generate
from generate import message, write

NAME = "demo-family"
QUANTIZATIONS = ("q6_k", "q4_0")
# Of each model the bytes of its weights in memory, in millions: 2.36 M numbers in 8.5, 6.56 or 4.5 bits, 0.52 M (the head) in 8.5; an adapter adds 0.26.
COSTS = {"demo": 3.06, "demo-postgresql": 3.32, "demo-brief": 3.32, "demo-q6_k": 2.49, "demo-q4_0": 1.88}
SEEDS = {"learned": 60, "asked": 61}
QUESTIONS = {"learned": (1200, 200), "asked": (200, 80)}  # of SQL, of chat at most; each is asked in one of its two ways
COST_WEIGHTS = (0.0, 0.02, 0.05, 0.1)
SCORERS = ("dense_network", "linear", "knn")


def catalogue() -> list[dict]:
    adapters = [{"id": f"demo-{adapter}", "source": str(ADAPTERS / adapter)} for adapter in lessons.ADAPTERS]
    models = [{"id": "demo", "source": "embedded", "adapters": adapters}]
    return models + [{"id": f"demo-{name}", "source": "embedded", "quantization": name} for name in QUANTIZATIONS]


def before(url: str) -> list[dict]:
    """The catalogue of a second server that chooses among the models of the first: an adapter is no candidate where it is loaded."""
    return [{"id": model, "upstreams": [{"url": url}]} for model in COSTS] + [routed(kind, weight) for kind in SCORERS for weight in COST_WEIGHTS]


def routed(kind: str, weight: float) -> dict:
    """A name that takes the best score of a scorer, or, with a weight, the best score less the cost."""
    route = {"scorer": f"{kind}/{NAME}", "candidates": list(COSTS), "rule": "best"}
    if weight:
        route |= {"rule": "less_cost", "cost_weight": weight, "costs": list(COSTS.values())}
    return {"id": name_of(kind, weight), "route": route}


def name_of(kind: str, weight: float) -> str:
    return f"auto-{kind}-{weight}"


def plain(text: str) -> str:
    """What two questions have in common that differ by capitals and marks alone."""
    return text.rpartition("\n\n")[2].lower().strip(" .!?")


def questions(part: str, seen: set[str]) -> list[dict]:
    """Held-out questions of the four kinds, each with the one right answer; none that was seen, and all are added to what was."""
    chance = random.Random(SEEDS[part])
    sql, turns = QUESTIONS[part]
    found = []
    for record in new(generate.held_out(chance, sql * 2, set(), 0.3), seen)[:sql]:
        kind = chance.choice(("sqlite", "postgresql"))
        *before, asked = record["messages"]
        said = {"sqlite": asked["content"], "postgresql": dialect.asked_for(chance, asked["content"], chance.random() < 0.5)}[kind]
        want = {"sqlite": record["sql"], "postgresql": dialect.postgresql(record["sql"])}[kind]
        found.append({"kind": kind, "messages": [*before, message("user", said)], "want": want, "tables": record["tables"]})
    for record in new(generate.held_out_chat(chance, turns * 4), seen)[:turns]:
        kind = chance.choice(("full", "brief"))
        asked = record["messages"][0]["content"]
        said = asked if kind == "full" else tone.asked_for(chance, asked, chance.random() < 0.5)
        found.append({"kind": kind, "messages": [message("user", said)], "want": record["answer"] if kind == "full" else tone.TABLE[record["answer"]]})
    return found


def new(records: list[dict], seen: set[str]) -> list[dict]:
    found = []
    for record in records:
        text = plain(record["messages"][-1]["content"])
        if text not in seen:
            seen.add(text)
            found.append(record)
    return found


def scores(asked: list[dict], given: list[dict], databases: Databases) -> list[float]:
    def is_right(question: dict, text: str) -> bool:
        if "tables" not in question:
            return text == question["want"]
        rows = databases.rows(question["kind"], question["tables"], text)
        return rows is not None and rows == databases.rows(question["kind"], question["tables"], question["want"])

    return [float(is_right(question, answer["text"])) for question, answer in zip(asked, given, strict=True)]


def outcomes(server: Server, asked: list[dict], databases: Databases) -> dict[str, list[tuple[float, float]]]:
    """Of each model, (score, cost) for each question."""
    found = {}
    for model, cost in COSTS.items():
        given = server.chat(model, [question["messages"] for question in asked])
        found[model] = [(score, cost * answer["tokens"]) for score, answer in zip(scores(asked, given, databases), given, strict=True)]
    return found


def summary(asked: list[dict], pairs: list[tuple[float, float]]) -> dict:
    kinds = sorted({question["kind"] for question in asked})
    of = lambda kind: [score for question, (score, _) in zip(asked, pairs, strict=True) if question["kind"] == kind]
    mean = lambda values: round(sum(values) / len(values), 4)
    return {"right": mean([score for score, _ in pairs]), "cost": round(sum(cost for _, cost in pairs) / len(pairs), 1), **{kind: mean(of(kind)) for kind in kinds}}


def command(*arguments: str) -> str:
    done = subprocess.run([os.environ["LLM_TEST_BINARY"], "scorer", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def trained(kind: str, directory: str) -> dict:
    """What the command says of a scorer that it has trained, on the fifth of the prompts that it held out."""
    data = str(WORK / "outcomes.jsonl")
    command("train", "--data", data, "--type", kind, "--name", NAME, "--scorer-path", directory)
    said = json.loads(command("evaluate", f"{kind}/{NAME}", "--data", data, "--scorer-path", directory, "--json"))
    return {"prompts": said["prompts"], **said["scorer"]}


def chosen(router: Server, name: str, asked: list[dict], databases: Databases) -> dict:
    """What becomes of the questions where a scorer chooses who answers."""
    given = router.chat(name, [question["messages"] for question in asked])
    right = scores(asked, given, databases)
    pairs = [(score, COSTS[answer["model"]] * answer["tokens"]) for score, answer in zip(right, given, strict=True)]
    shares = {model: round(sum(answer["model"] == model for answer in given) / len(given), 3) for model in COSTS}
    return summary(asked, pairs) | {"asked of": shares}


def main() -> None:
    WORK.mkdir(exist_ok=True)
    seen: set[str] = set()
    asked, learned = questions("asked", seen), questions("learned", seen)
    report = {"questions": {"learned": len(learned), "asked": len(asked)}}
    with tempfile.TemporaryDirectory() as scorers, Databases() as databases, Server(catalogue()) as server:
        of_learned = outcomes(server, learned, databases)
        of_asked = outcomes(server, asked, databases)
        write(WORK / "outcomes.jsonl", [{"prompt": question["messages"][-1]["content"], "model": model, "score": score, "cost": round(cost, 2)}
                                        for model, found in of_learned.items() for question, (score, cost) in zip(learned, found, strict=True)])
        report["models"] = {model: summary(asked, found) for model, found in of_asked.items()}
        every = list(zip(*of_asked.values(), strict=True))  # by question
        report["random"] = summary(asked, [tuple(sum(values) / len(one) for values in zip(*one, strict=True)) for one in every])
        report["oracle"] = summary(asked, [max(one, key=lambda pair: (pair[0], -pair[1])) for one in every])
        report["evaluated"] = {kind: trained(kind, scorers) for kind in SCORERS}
        with Server(before(server.url), LLM_SCORER_PATH=scorers) as router:
            report["routed"] = {kind: {str(weight): chosen(router, name_of(kind, weight), asked, databases) for weight in COST_WEIGHTS} for kind in SCORERS}
    (HERE / "outcomes.json").write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
