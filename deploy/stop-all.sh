#!/usr/bin/env bash
# Stops all of compose.yaml, whichever profile runs. Models, keys, counts and metrics stay in their volumes.
set -euo pipefail
cd "$(dirname "$0")"
./needs.sh docker
export COMPOSE_PROJECT_NAME=llm-inference COMPOSE_PROFILES='*'
# compose.yaml is not read without them, and nothing is started with them: a lost .env keeps nothing running.
export API_KEY=none BACKEND_API_KEY=none POSTGRES_PASSWORD=none GRAFANA_PASSWORD=none
docker compose down "$@"
