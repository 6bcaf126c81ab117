#!/usr/bin/env bash
# Starts a profile of compose.yaml, `gateway` if none is named, and waits until the server answers. What it lacks it makes: keys in .env,
# and a certificate of its own.
set -euo pipefail
cd "$(dirname "$0")"
export COMPOSE_PROJECT_NAME=llm-inference
export COMPOSE_PROFILES=${1:-gateway}

case "$COMPOSE_PROFILES" in
    gateway) server=gateway ;;
    cpu) server=server ;;
    *) echo "usage: $0 [gateway|cpu]" >&2 && exit 2 ;;
esac

./needs.sh docker openssl

secret() { head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

for name in API_KEY BACKEND_API_KEY POSTGRES_PASSWORD GRAFANA_PASSWORD; do
    if ! grep -qs "^$name=" .env; then
        (umask 077 && printf '%s=%s\n' "$name" "$(secret)" >>.env)
        echo "made $name in .env: keep a copy"
    fi
done

# So that `docker compose` means the same project here, also by hand.
grep -qs ^COMPOSE_PROJECT_NAME= .env || echo "COMPOSE_PROJECT_NAME=$COMPOSE_PROJECT_NAME" >>.env

if [ ! -e certificates/server.pem ]; then
    mkdir -p certificates
    (umask 077 && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 -subj /CN=localhost \
        -addext "subjectAltName=DNS:localhost,IP:127.0.0.1" -keyout certificates/server.key -out certificates/server.pem)
    echo "made certificates/server.pem, which no client trusts: put your own there, and server.key beside it"
fi

docker compose up --build --detach
echo "waiting for the server (models load beside it; the first time they are downloaded)"
until docker compose exec -T "$server" llm-inference-api health --live >/dev/null 2>&1; do
    if docker compose ps --all --format '{{.State}}' "$server" | grep -Eq 'exited|restarting|dead'; then
        docker compose logs --tail 20 "$server" >&2
        echo "the server does not stay up; above is what it said last" >&2
        exit 1
    fi
    sleep 1
done
# It keeps the addresses that it found at its start, and the server may have another by now.
docker compose exec -T nginx nginx -s reload
docker compose exec -T "$server" llm-inference-api health || true
echo "it answers at https://localhost; API_KEY in .env is the first key. Further ones:"
echo "  docker compose --profile $COMPOSE_PROFILES exec $server llm-inference-api keys create --org acme"
echo "Grafana: http://localhost:3000 (admin, GRAFANA_PASSWORD in .env), Prometheus: http://localhost:9090, MLflow: http://localhost:5000"
