#!/usr/bin/env bash
# Everything that wants a GPU: conformance, compute-sanitizer, benches with PyTorch beside them where python3 has it.
#   scripts/gpu.sh [test|bench|all] [FOLDER for the results, default bench/results]
# Needs a driver and a Node binary (NODE=/path/to/node, or the one on the path), and the addon: built here when nvcc and the
# packages are there, else what `node scripts/pack_gpu.mjs` put into build/gpu elsewhere. Nothing is downloaded.
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:-all}
results=${2:-bench/results}
node=${NODE:-$(command -v node || true)}
[ -x "$node" ] || { echo "No Node binary: give one with NODE=/path/to/node" >&2; exit 1; }
command -v nvidia-smi >/dev/null || { echo "No NVIDIA driver on this machine" >&2; exit 1; }
gpu=$(nvidia-smi --query-gpu=name --format=csv,noheader | head -1 | tr ' ' '-' | tr '[:upper:]' '[:lower:]')
if [ -d node_modules/cmake-js ] && command -v nvcc >/dev/null; then
  "$node" scripts/build.mjs
  "$node" scripts/pack_gpu.mjs
fi
run=build/gpu/dist
[ -d "$run" ] || { echo "No build/gpu: make it where nvcc and npm are, with node scripts/pack_gpu.mjs" >&2; exit 1; }
export VIDEOCLIP_DEVICE=cuda
"$node" $run/doctor.mjs doctor

if [ "$what" != bench ]; then
  for test in conformance runtime networks; do "$node" $run/$test.mjs; done
  if command -v compute-sanitizer >/dev/null; then
    for tool in memcheck racecheck; do
      compute-sanitizer --tool "$tool" --error-exitcode 1 --target-processes all "$node" $run/conformance.mjs
    done
  else
    echo "SKIP compute-sanitizer: not installed"
  fi
fi
if [ "$what" != test ]; then
  mkdir -p "$results"
  "$node" $run/bench.mjs --out "$results/$gpu-$(date +%F).json"
fi
