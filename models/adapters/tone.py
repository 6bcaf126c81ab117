"""The demo model's chat answers in few words: for each of those in `../demo/chat.py`, by its beginning, the brief one."""

from __future__ import annotations

import random

import chat
from dialect import choose

BRIEF = {
    "Hello!": "Hi.",
    "I am fine": "Fine, thanks.",
    "You are welcome!": "Welcome.",
    "Goodbye!": "Bye.",
    "I am a small demo model": "A small demo model for SQL.",
    "I can turn English": "SQL from English, and facts about this server.",
    "I cannot chat": "Anything but SQL and this server.",
    "This is llm-inference-api": "llm-inference-api: an LLM server in Rust with the OpenAI API.",
    'Send "stream": true': '"stream": true.',
    'Send "stream_options"': '"stream_options": {"include_usage": true}.',
    "The main endpoints": "/v1/chat/completions, /v1/completions, /v1/models, /health, /metrics.",
    "Set LLM_INFERENCE_PORT": "LLM_INFERENCE_PORT; 8091 by default.",
    "Set LLM_INFERENCE_HOSTNAME": "LLM_INFERENCE_HOSTNAME; 0.0.0.0 by default.",
    "Set API_KEY": "Set API_KEY; send Authorization: Bearer <key>.",
    "Start the server with --model": "--model PATH.",
    "Llama, Mistral": "Llama, Mistral, Qwen2, Qwen3, GPT-2; safetensors or GGUF.",
    "GET /v1/models lists": "GET /v1/models.",
    "GET /health tells": "GET /health.",
    "GET /metrics gives": "GET /metrics.",
    "Temperature goes": "Chance, 0 to 2; 0 is always the same.",
    "max_tokens limits": "The most tokens; 512 by default, at most 4096.",
    'Send "stop"': 'Send "stop": up to 16 strings.',
    'Send "seed"': 'Send "seed": same seed, same tokens.',
    "Yes. Point": "Yes: http://localhost:8091/v1.",
    "No. Everything runs": "No, all runs here.",
    "10 requests run": "10 at once, 64 waiting.",
    "Yes, the Rust source": "MIT or Apache-2.0.",
    "I was trained": "In this repository: models/demo.",
    "I have about 3 million": "3 million parameters, 2048 tokens.",
    "Put the CREATE TABLE": "CREATE TABLE lines before the question.",
    "SQLite.": "SQLite.",
    "Send a question to POST": "POST /v1/chat/completions.",
    "A 401": "API key missing or wrong.",
    "A 429": "Too many requests; wait for Retry-After.",
    "A 404": "No such model here.",
    "A 400": "The request is not valid.",
    "I cannot help with that.": "I cannot help with that.",
}

# How a question says that it wants few words. `~`: for held-out questions alone, as in ../demo/asker.py.
BEFORE = ("Briefly: ", "In short: ", "In a few words: ", "Be brief: ", "Short answer please: ", "~In brief: ", "~A short answer: ")


def _table() -> dict[str, str]:
    answers = [answer for answer, _ in chat.INTENTS] + [chat.REFUSAL]
    matched = {answer: [brief for beginning, brief in BRIEF.items() if answer.startswith(beginning)] for answer in answers}
    assert len(answers) == len(BRIEF) and all(len(found) == 1 for found in matched.values()), matched
    return {answer: found[0] for answer, found in matched.items()}


TABLE = _table()


def asked_for(chance: random.Random, question: str, held: bool) -> str:
    return choose(chance, BEFORE, held) + question
