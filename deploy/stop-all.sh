#!/usr/bin/env bash
# Stops all of compose.yaml, whichever profile runs. Models, keys, counts and metrics stay in their volumes.
set -euo pipefail
cd "$(dirname "$0")"
./needs.sh docker
export COMPOSE_PROJECT_NAME=llm-inference COMPOSE_PROFILES='*'
docker compose down "$@"
