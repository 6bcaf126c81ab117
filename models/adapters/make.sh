#!/bin/sh
# Repeats both adapters: data, its check, training, measures. LLM_TEST_BINARY names the built server; PostgreSQL has to be there (or LLM_TEST_POSTGRES_URL).
set -eu
cd "$(dirname "$0")"
python="${PYTHON:-python3}"
"$python" lessons.py
"$python" lessons.py --check
"$python" tune.py postgresql
"$python" tune.py brief
"$python" measure.py
