#!/usr/bin/env bash
# Starts all of compose.yaml and waits until the gateway answers. What it lacks it makes: keys in .env, and a certificate of its own.
set -euo pipefail
cd "$(dirname "$0")"
export COMPOSE_PROJECT_NAME=llm-inference

secret() { head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

if [ ! -e .env ]; then
    (umask 077 && printf '%s=%s\n' API_KEY "$(secret)" BACKEND_API_KEY "$(secret)" POSTGRES_PASSWORD "$(secret)" >.env)
    echo "made .env with new secrets: keep a copy"
fi

if [ ! -e certificates/server.pem ]; then
    mkdir -p certificates
    (umask 077 && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 -subj /CN=localhost \
        -addext "subjectAltName=DNS:localhost,IP:127.0.0.1" -keyout certificates/server.key -out certificates/server.pem)
    echo "made certificates/server.pem, which no client trusts: put your own there, and server.key beside it"
fi

docker compose up --build --detach
echo "waiting for the gateway (the models load beside it; the first time they are downloaded)"
until docker compose exec -T gateway curl --fail --silent --output /dev/null http://localhost:8091/health/live; do sleep 1; done
docker compose exec -T gateway curl --silent http://localhost:8091/health
echo
echo "ready at https://localhost; API_KEY in .env is the first key. Further ones:"
echo "  docker compose exec gateway llm-inference-api keys create --org acme"
