// npm run new-op FAMILY/NAME: lays out the files of a new op, in every place that an op has, from templates that compile.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

const [family, name, ...more] = (process.argv[2] ?? "").split("/");
const families = readdirSync("lib/ops", { withFileTypes: true }).filter((entry) => entry.isDirectory());
if (!/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(name ?? "") || more.length > 0 || !families.some((f) => f.name === family)) {
  console.error(`Usage: npm run new-op FAMILY/NAME (such as norm/layer_norm)
FAMILY is a folder of lib/ops: ${families.map((f) => f.name).join(", ")}
NAME is made of lower case words joined by _`);
  process.exit(2);
}
const camel = name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());

const files = {
  [`native/cpp/ops/${family}/${name}.h`]: `#pragma once
// ${name}: y = x.
//
// in  0 x [..., C] rows    out 0 y like x    attrs none
#include "runtime/kernel.h"
`,
  [`native/cpp/cpu/${family}/${name}.cc`]: `#include "ops/${family}/${name}.h"

#include "cpu/primitives/simd.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

Status ${name}(const Call& call) {
  const Rows x(call.in[0]), y(call.out[0]);
  const int64_t step = rows_per_task(x.channels);
  call.pool->parallel_for(ceil_div(x.rows, step), [&](int64_t task, int) {
    for (int64_t r = task * step; r < min64(x.rows, (task + 1) * step); ++r) {
      for (int64_t c = 0; c < x.channels; ++c) y.data[r * y.stride + c] = x.data[r * x.stride + c];
    }
  });
  return {};
}

VIDEOCLIP_KERNEL("${name}", ${name}, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
`,
  [`native/cuda/${family}/${name}.cu`]: `// ${name}: y = x
//
// x and y are views of T (f32, bf16 or f16). A block has 256 threads, and a thread has 4 vectors of up to 16 bytes. x is
// read once and y is written once: bound by memory.
#include "ops/${family}/${name}.h"

#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/vector_access.h"
#include "cuda/primitives/walk.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace {

template <typename T>
struct Args {
  Global<T> y;
  Global<const T> x;
  StridedIterator<2> iterator;
};

template <typename T, int V>
__global__ void __launch_bounds__(kIteratorThreads) ${name}_kernel(Args<T> a) {
#pragma unroll
  for (int u = 0; u < kIteratorUnroll; ++u) {
    size_t at[2];
    float v[V];
    if (!a.iterator.template offsets<V>(u, at)) continue;
    load_values(a.x, at[1], v);
    store_values(a.y, at[0], v);
  }
}

Status ${name}(const Call& call) {
  const Tensor operands[] = {call.out[0], call.in[0]};
  const MergedStrides<2> merged(operands);
  return for_float(call.out[0].dtype, [&](auto type) {
    using T = decltype(type);
    return for_width<T>(merged.width(operands), [&](auto width) -> Status {
      Status status;
      const StridedIterator<2> iterator(merged, width, &status);
      if (!status || iterator.blocks == 0) return status;
      const Args<T> args{global<T>(call.out[0]), global<const T>(call.in[0]), iterator};
      return launch(${name}_kernel<T, width>, Grid{iterator.blocks}, kIteratorThreads, 0, call.stream, args);
    });
  });
}

VIDEOCLIP_CUDA_KERNEL("${name}", ${name}, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
`,
  [`lib/ops/${family}/${name}.ts`]: `import { defineOp } from "../../graph/tensor.js";
import { storageType } from "../storage.js";

/** TODO: what it computes, with shapes. */
export const ${camel} = defineOp<Record<string, never>>({
  name: "${name}",
  operands: [{ name: "x", batched: true }],
  shape: ([x]) => [{ shape: x!.shape, dtype: storageType("${name}", x) }],
  encode: () => [],
  reference: ([x]) => [{ shape: x!.shape, data: x!.data.slice() }],
  toOnnx: (node, emit) => emit.set(node.outputs[0], emit.node("Identity", [emit.arranged(node.inputs[0]!)])),
});
`,
  [`test/ops/cases/${family}/${name}.ts`]: `import { ${camel} } from "../../../../dist/ops/${family}/${name}.js";
import { defineCases } from "../case_table.js";

defineCases(${camel}, [
  { name: "one", inputs: [{ shape: [1, 1] }], attrs: {} },
  { name: "odd", inputs: [{ shape: [7, 33] }], attrs: {} },
]);
`,
};

const taken = Object.keys(files).filter((path) => existsSync(path));
if (taken.length > 0) {
  console.error(`${name}: ${taken.join(", ")} already there`);
  process.exit(1);
}
for (const [path, text] of Object.entries(files)) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** Adds a line to the sorted list of lines that match, the first one after a line that contains `after`. */
function addLine(path, line, matches, after = "") {
  const lines = readFileSync(path, "utf8").split("\n");
  const from = lines.findIndex((text) => text.includes(after));
  let at = lines.findIndex((text, i) => i >= from && matches.test(text));
  while (matches.test(lines[at]) && lines[at] < line) at++;
  lines.splice(at, 0, line);
  writeFileSync(path, lines.join("\n"));
}
addLine("native/ops.cmake", `  ${family}/${name}`, /^ {2}[a-z]/, "set(VIDEOCLIP_OPS");
addLine("lib/ops/index.ts", `export * from "./${family}/${name}.js";`, /^export \* from/);
addLine("test/ops/cases/index.ts", `import "./${family}/${name}.js";`, /^import "/);

console.log(`${[...Object.keys(files), "native/ops.cmake", "lib/ops/index.ts", "test/ops/cases/index.ts"].join("\n")}
Now: its formula and shapes in the contract, the shape rule, the float64 reference, the ONNX form, the
gradient, the cases, and the other facts that docs/adding_an_op.md lists; then npm run build &&
node scripts/test.mjs --full conformance.`);
