#!/usr/bin/env bash
# One extraction as a Slurm array, without a server: task i of 16 takes every 16th video.
#
#   sbatch array.sh                  # again after an end by the time limit: --resume goes on
#   sbatch --array=0-31 array.sh     # another number of tasks; --shard auto reads it from Slurm
#
#SBATCH --job-name=videoclip
#SBATCH --array=0-15
#SBATCH --cpus-per-task=4
#SBATCH --mem=8G
#SBATCH --time=12:00:00
#SBATCH --requeue
# SIGTERM two minutes before the time limit, so that finished videos are saved in order
#SBATCH --signal=TERM@120
set -euo pipefail

# A task with failed videos ends with exit code 1: see failures.*.jsonl.
# the same paths on all nodes
DATA=${DATA:-$HOME/videoclip}

srun videoclip extract "$DATA/videos" --shard auto --resume --out "$DATA/features" \
  --model s3dg --weights "$DATA/s3d_howto100m.pth" --threads "${SLURM_CPUS_PER_TASK:-4}"
