#!/usr/bin/env bash
# One extraction by 16 workers that share a queue: a slow video holds up nobody. Redis runs on the first node of the job; when it is lost
# with the node, the next `sbatch workers.sh` fills a new one from the results.
#
#   sbatch workers.sh
#   videoclip queue status --run "$HOME/videoclip/features" \
#     --queue "$(cat "$HOME/videoclip/queue_address")"
#
#SBATCH --job-name=videoclip-queue
#SBATCH --ntasks=16
#SBATCH --cpus-per-task=4
#SBATCH --mem-per-cpu=2G
#SBATCH --time=12:00:00
# SIGTERM to the workers three minutes before the time limit: more than --grace
#SBATCH --signal=TERM@180
set -euo pipefail

# the same paths on all nodes
DATA=${DATA:-$HOME/videoclip}
RUN=$DATA/features

# Redis is open to the nodes of the cluster and therefore has a password, which other users must not read
PASSWORD=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
REDIS_DATA=$(mktemp -d)
redis-server - <<CONFIG &
port 6379
requirepass $PASSWORD
appendonly yes
maxmemory-policy noeviction
dir $REDIS_DATA
CONFIG
REDIS=$!
trap 'kill "$REDIS"; rm -rf "$REDIS_DATA"' EXIT
VIDEOCLIP_QUEUE=redis://:$PASSWORD@$(hostname):6379
export VIDEOCLIP_QUEUE
(umask 077 && echo "$VIDEOCLIP_QUEUE" >"$DATA/queue_address")
until REDISCLI_AUTH=$PASSWORD redis-cli ping >/dev/null 2>&1; do sleep 1; done

videoclip queue add "$DATA/videos" --run "$RUN" --model s3dg --weights "$DATA/s3d_howto100m.pth"
srun videoclip work --run "$RUN" --threads "${SLURM_CPUS_PER_TASK:-4}" --grace 120
videoclip queue status --run "$RUN"
