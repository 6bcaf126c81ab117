"""schemathesis against the server at LLM_TEST_BASE_URL: every answer is one that its own /openapi.json describes."""

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

BASE_URL = os.environ.get("LLM_TEST_BASE_URL", "http://localhost:8091")
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "events_are_documented",
]
FEWEST = 2000


def main():
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{BASE_URL}/openapi.json", "--url", BASE_URL]
    command += ["--checks", ",".join(CHECKS)]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "hooks"}
    process = subprocess.Popen(command, cwd=Path(__file__).parent, env=environment, stdout=subprocess.PIPE, text=True)
    cases, streamed = 0, set()
    for line in process.stdout:
        if told := re.match(r"a stream of (\S+)", line):
            streamed.add(told[1])
            continue
        print(line, end="")
        if told := re.search(r"([\d,]+) generated", line):
            cases = int(told[1].replace(",", ""))
    if process.wait() != 0:
        sys.exit("schemathesis has found something")
    if cases < FEWEST:
        sys.exit(f"only {cases} cases were tried, and {FEWEST} are the least")
    if missed := streams() - streamed:
        sys.exit(f"no stream was asked for, or none came: {', '.join(sorted(missed))}")


def streams():
    """Paths that may answer with a stream."""
    with urllib.request.urlopen(f"{BASE_URL}/openapi.json", timeout=10) as answer:
        paths = json.load(answer)["paths"]
    answers = {path: item["post"]["responses"].get("200", {}).get("content", {}) for path, item in paths.items() if "post" in item}
    return {path for path, content in answers.items() if "text/event-stream" in content}


main()
