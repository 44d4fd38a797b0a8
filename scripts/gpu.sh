#!/usr/bin/env bash
# Everything that wants a GPU, in one go: build for it, conformance, compute-sanitizer, benches. Needs a driver, nvcc (or a build
# that is there already) and a Node binary: NODE=/path/to/node, or the one on the path. Nothing is downloaded.
#   scripts/gpu.sh [test|bench|all] [FOLDER for the results, default bench/results]
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:-all}
results=${2:-bench/results}
node=${NODE:-$(command -v node || true)}
[ -x "$node" ] || { echo "No Node binary: give one with NODE=/path/to/node" >&2; exit 1; }
command -v nvidia-smi >/dev/null || { echo "No NVIDIA driver on this machine" >&2; exit 1; }
gpu=$(nvidia-smi --query-gpu=name --format=csv,noheader | head -1 | tr ' ' '-' | tr '[:upper:]' '[:lower:]')
if [ -d node_modules/cmake-js ] && command -v nvcc >/dev/null; then "$node" scripts/build.mjs; fi
[ -f build/Release/videoclip.node ] || { echo "No addon: build it where nvcc is, with npm run build" >&2; exit 1; }
"$node" dist/cli/main.js doctor

if [ "$what" != bench ]; then
  VIDEOCLIP_DEVICE=cuda "$node" --import tsx test/graph/conformance_cuda.full.test.ts
  VIDEOCLIP_DEVICE=cuda "$node" --import tsx test/models/gpu.full.test.ts
  if command -v compute-sanitizer >/dev/null; then
    for tool in memcheck racecheck; do
      VIDEOCLIP_DEVICE=cuda compute-sanitizer --tool "$tool" --error-exitcode 1 --target-processes all \
        "$node" --import tsx test/graph/conformance_cuda.full.test.ts
    done
  else
    echo "SKIP compute-sanitizer: not installed"
  fi
fi
if [ "$what" != test ]; then
  mkdir -p "$results"
  "$node" --import tsx bench/gpu/main.ts --out "$results/$gpu-$(date +%F).json"
fi
