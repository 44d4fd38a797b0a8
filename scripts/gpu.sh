#!/bin/sh
# Tests and measures on a GPU: conformance, networks, the runtime, benches with PyTorch beside them where python3 has it, and
# compute-sanitizer where it is installed; scripts/gpu/run.ts has the steps and their time limits.
#   gpu.sh [test|bench|all] [FOLDER for logs and results, default gpu-results beside the pack] [--quick]
# Runs from the pack of `node scripts/pack_gpu.mjs`, which needs a driver and nothing else, or from a clone, where it makes the pack
# first if nvcc and the packages are there. NODE=/path/to/node chooses another Node binary. Nothing is downloaded.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
pack=$here
node=${NODE:-}
if [ ! -d "$pack/dist/gpu" ]; then
  root=$(dirname "$here")
  pack=$root/build/gpu-pack
  node=${node:-$(command -v node || echo node)}
  if [ -d "$root/node_modules/cmake-js" ] && command -v nvcc >/dev/null; then
    "$node" "$root/scripts/build.mjs" --cuda
    "$node" "$root/scripts/pack_gpu.mjs" --local
  fi
  [ -d "$pack/dist/gpu" ] || {
    echo "No build/gpu-pack: make it where nvcc and npm are, with node scripts/pack_gpu.mjs" >&2
    exit 1
  }
fi

# Replaces FILE.xz, if it is there, by FILE.
unpack() {
  [ -e "$1.xz" ] || return 0
  if command -v xz >/dev/null; then
    xz -dc "$1.xz" >"$1.part"
  elif command -v python3 >/dev/null; then
    python3 -c 'import lzma, shutil, sys; shutil.copyfileobj(lzma.open(sys.argv[1]), sys.stdout.buffer)' "$1.xz" >"$1.part"
  else
    echo "$1.xz cannot be unpacked: neither xz nor python3 is here" >&2
    exit 1
  fi
  chmod +x "$1.part"
  mv "$1.part" "$1"
  rm "$1.xz"
}
for file in "$pack"/build/Release/*.xz; do unpack "${file%.xz}"; done
if [ -z "$node" ]; then
  unpack "$pack/node"
  node=$pack/node
  "$node" --version >/dev/null 2>&1 || node=$(command -v node || true)
fi
[ -n "$node" ] || { echo "No Node binary that runs here: give one with NODE=/path/to/node" >&2; exit 1; }
exec "$node" "$pack/dist/gpu/run.mjs" "$@"
