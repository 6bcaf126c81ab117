#!/bin/sh
# Repeats the demo model from nothing: data, training in three stages, demo.gguf, its measures. Give the minutes for each stage to end them early.
set -eu
cd "$(dirname "$0")"
python="${PYTHON:-python3}"
minutes="${1:-inf}"
"$python" generate.py
"$python" train.py --steps 2000 --minutes "$minutes"
"$python" train.py --resume --peak 0.6 --steps 2200 --minutes "$minutes"
"$python" train.py --resume --seed 21 --peak 0.3 --steps 900 --minutes "$minutes"
"$python" export.py
"$python" evaluate.py
