// npm run new-op NAME: lays out the files of a new op, in every place that an op has, from templates that compile.
import { existsSync, readFileSync, writeFileSync } from "node:fs";

const name = process.argv[2];
if (!/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(name ?? "")) {
  console.error("Usage: npm run new-op NAME (lower case words joined by _, such as layer_norm)");
  process.exit(2);
}
const camel = name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());

const files = {
  [`native/cpp/ops/${name}.h`]: `#pragma once
// ${name}: y = x.
//
// in  0 x [..., C] rows    out 0 y like x    attrs none
#include "runtime/kernel.h"
`,
  [`native/cpp/cpu/${name}.cc`]: `#include "ops/${name}.h"

#include "cpu/simd.h"

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
  [`lib/graph/ops/${name}.ts`]: `import { defineOp } from "../tensor.js";

/** TODO: what it computes, with shapes. */
export const ${camel} = defineOp<Record<string, never>>({
  name: "${name}",
  shape: ([x]) => [{ shape: x!.shape, dtype: "f32" }],
  encode: () => [],
  reference: ([x]) => [{ shape: x!.shape, data: x!.data.slice() }],
  toOnnx: (node, emit) => emit.set(node.outputs[0], emit.node("Identity", [emit.arranged(node.inputs[0]!)])),
  cases: [
    { name: "one", inputs: [{ shape: [1, 1] }], attrs: {} },
    { name: "odd", inputs: [{ shape: [7, 33] }], attrs: {} },
  ],
});
`,
};

const taken = Object.keys(files).filter((path) => existsSync(path));
if (taken.length > 0) {
  console.error(`${name}: ${taken.join(", ")} already there`);
  process.exit(1);
}
for (const [path, text] of Object.entries(files)) writeFileSync(path, text);

/** Adds a line to a sorted list of lines that match. */
function addLine(path, line, matches) {
  const lines = readFileSync(path, "utf8").split("\n");
  const first = lines.findIndex((text) => matches.test(text));
  let at = first;
  while (matches.test(lines[at]) && lines[at] < line) at++;
  lines.splice(at, 0, line);
  writeFileSync(path, lines.join("\n"));
}
addLine("native/ops.cmake", `  ${name}`, /^ {2}[a-z]/);
addLine("lib/graph/ops/index.ts", `export * from "./${name}.js";`, /^export \* from/);

console.log(`${[...Object.keys(files), "native/ops.cmake", "lib/graph/ops/index.ts"].join("\n")}
Now: its formula and shapes in the contract, the shape rule, the float64 reference, the ONNX form and the cases; then npm test conformance.`);
