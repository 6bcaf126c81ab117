#!/bin/sh
# Repeats the demo model from nothing: data, training, demo.gguf, its measures. Give the minutes for training to end it early.
set -eu
cd "$(dirname "$0")"
python="${PYTHON:-python3}"
"$python" generate.py
"$python" train.py --minutes "${1:-inf}"
"$python" export.py
"$python" evaluate.py
