"""The demo model's tokenizer: byte-level BPE of a small vocabulary, and the chat template.

It splits text as GPT-2 does, so that a GGUF file can name that pre-tokenizer. The merges, however, are learned on text that
is cut more finely: no merge joins two digits, and none joins a space to a capital letter or a digit. ` Lisbon` in a
question and `'Lisbon'` in its SQL are then the same tokens after the first, and a small model can copy what it never saw.
"""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

END_OF_TEXT, TURN, END_OF_TURN = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
SPECIAL = (END_OF_TEXT, TURN, END_OF_TURN)
VOCABULARY = 2048
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "<|im_start|>{{ 'system' if message['role'] == 'developer' else message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def train(texts) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r"[0-9]"), "isolated"),
        pre_tokenizers.Split(Regex(r" (?=[A-Z0-9])"), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False),
    ])
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=list(SPECIAL), initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                  show_progress=False, max_token_length=16)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    return tokenizer


def save(tokenizer: Tokenizer, folder: Path) -> None:
    """The tokenizer as transformers reads it."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": END_OF_TEXT, "eos_token": END_OF_TURN, "pad_token": END_OF_TEXT,
              "add_bos_token": False, "clean_up_tokenization_spaces": False, "model_max_length": 2048, "chat_template": CHAT_TEMPLATE}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n")


def pieces(record: dict) -> list[tuple[str, bool]]:
    """A training record as text, in parts that are learned (answers) or only read (prompts)."""
    if "text" in record:
        return [(record["text"] + END_OF_TEXT, True)]
    parts: list[tuple[str, bool]] = []
    read = ""
    for message in record["messages"]:
        read += f"{TURN}{message['role']}\n"
        if message["role"] == "assistant":
            parts += [(read, False), (message["content"] + END_OF_TURN, True)]
            read = "\n"
        else:
            read += f"{message['content']}{END_OF_TURN}\n"
    return parts


def render(messages: list[dict]) -> str:
    """What CHAT_TEMPLATE gives for these messages with a generation prompt."""
    return "".join(f"{TURN}{message['role']}\n{message['content']}{END_OF_TURN}\n" for message in messages) + f"{TURN}assistant\n"
