"""A client that goes away in the middle of a stream leaves nothing behind."""

import urllib.request

from waiting import wait_until

PATIENCE = 20


def running(base_url):
    """The sum of vllm:num_requests_running over all models."""
    with urllib.request.urlopen(f"{base_url}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    samples = [line for line in lines if line.startswith("vllm:num_requests_running")]
    assert samples, "the gauge is there"
    return sum(float(line.rsplit(" ", 1)[1]) for line in samples)


def test_hanging_up_ends_the_generation(chat, base_url):
    streams = [chat("Say hello", max_tokens=400, extra_body={"ignore_eos": True}, stream=True) for _ in range(3)]
    for stream in streams:
        next(iter(stream))
    for stream in streams:
        stream.close()
    # The server learns of it from the network, at a moment that is not ours to choose.
    wait_until(lambda: running(base_url) == 0, "the end of generations that nobody listens to", PATIENCE)
