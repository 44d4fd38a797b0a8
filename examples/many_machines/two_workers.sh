#!/usr/bin/env bash
# Two workers on one machine, and a Redis server that the script starts: the smallest run with a queue.
#
#   bash two_workers.sh videos/ features/ --model s3dg --weights s3d_howto100m.pth
#
# It needs redis-server, and the packages bullmq and ioredis beside videoclip.
set -euo pipefail

[ $# -ge 2 ] || { echo "usage: two_workers.sh VIDEOS RUN [options]" >&2; exit 2; }
VIDEOS=$1 RUN=$2
shift 2

PORT=${PORT:-6379}
REDIS_DATA=$(mktemp -d)
redis-server --port "$PORT" --bind 127.0.0.1 --appendonly yes --dir "$REDIS_DATA" >/dev/null &
REDIS=$!
trap 'kill "$REDIS"; wait "$REDIS" || true; rm -rf "$REDIS_DATA"' EXIT
until redis-cli -p "$PORT" ping >/dev/null 2>&1; do sleep 0.1; done
export VIDEOCLIP_QUEUE=redis://127.0.0.1:$PORT

videoclip queue add "$VIDEOS" --run "$RUN" "$@"
videoclip work --run "$RUN" --threads 1 --quiet &
FIRST=$!
videoclip work --run "$RUN" --threads 1 --quiet &
SECOND=$!
# a worker ends when every video has a result
wait "$FIRST"
wait "$SECOND"
videoclip queue status --run "$RUN"
