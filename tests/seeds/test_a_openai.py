"""Any client of OpenAI's, with another base URL."""

import json
import subprocess


def test_a_chat(client, model):
    answer = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "Summarise this week's model eval results."}]
    )
    assert answer.choices[0].message.content


def test_a_stream(client, model):
    chunks = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "Write a haiku about MLOps."}], stream=True
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


def test_curl(base_url, model):
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "Hello"}]})
    command = ["curl", "-sS", "--fail-with-body", f"{base_url}/v1/chat/completions", "-H", "Content-Type: application/json", "-d", body]
    answer = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)
    assert answer["choices"][0]["message"]["content"]
