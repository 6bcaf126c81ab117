#!/usr/bin/env bash
# Stops all of compose.yaml. Models, keys and counts stay in their volumes.
set -euo pipefail
cd "$(dirname "$0")"
export COMPOSE_PROJECT_NAME=llm-inference
docker compose down "$@"
