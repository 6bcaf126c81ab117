#!/usr/bin/env bash
# Says what is missing of the programs that are named, before anything is begun.
set -euo pipefail
missing=0
for program in "$@"; do
    if ! command -v "$program" >/dev/null; then
        echo "$program is not installed here" >&2
        missing=1
    elif [ "$program" = docker ] && ! docker compose version >/dev/null 2>&1; then
        echo "docker has no compose plugin here: https://docs.docker.com/compose/install" >&2
        missing=1
    fi
done
exit "$missing"
