// The files of a new op, from templates that compile and pass the tests of every op. They compute
//   y[m, c] = (x[m, c] + ...) * weight[c] * ... * factor * ...
// of its inputs, its vectors per channel and its attributes of type float, until its own formulas take their place.

/** `layer_norm` is `layerNorm`. */
const camelCase = (name) => name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
/** `layer_norm` is `LayerNorm`. */
const pascalCase = (name) => name.replace(/(?:^|_)(.)/g, (_, letter) => letter.toUpperCase());
/** `outChannels` is `out_channels`. */
const snakeCase = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

const lines = (items, format) => items.map((item, i) => `${format(item, i)}\n`).join("");

/** What is known of an attribute by its type: its type and rule in TypeScript, and a value for cases. */
function attributeKind(type) {
  const [, element, list, length] = /^(int|float|bool)(\[(\d*)\])?$/.exec(type);
  if (list) {
    const values = { int: "2", float: "0.5" }[element];
    const rule = element === "int" ? `integers(0${length ? `, ${length}` : ""})` : `numbers(${length})`;
    return {
      type: "readonly number[]",
      rule,
      value: `[${Array(Number(length || 1))
        .fill(values)
        .join(", ")}]`,
    };
  }
  return {
    int: { type: "number", rule: "integer()", value: "2" },
    float: { type: "number", rule: "number()", value: "0.75" },
    bool: { type: "boolean", rule: "flag", value: "true" },
  }[element];
}

/** The names and pieces that the templates are filled with. */
function pieces({ family, name, inputs, vectors, attributes }) {
  const floats = attributes.filter(({ type }) => type === "float").map((attribute) => attribute.name);
  return {
    family,
    name,
    inputs,
    vectors,
    attributes,
    floats,
    operands: [...inputs, ...vectors],
    camel: camelCase(name),
    pascal: pascalCase(name),
    /** The formula, of the names of operands and of factors. */
    formula: (operand, factors) =>
      [
        inputs.length > 1 ? `(${inputs.map(operand).join(" + ")})` : operand(inputs[0]),
        ...vectors.map(operand),
        ...factors,
      ].join(" * "),
  };
}

function contract({ name, inputs, vectors, attributes, floats, operands, formula }) {
  const text = formula(
    (operand) => (vectors.includes(operand) ? `${operand}[c]` : `${operand}[m, c]`),
    floats.map(snakeCase),
  );
  const shapes = operands.map((operand, i) => {
    const shape = vectors.includes(operand)
      ? "[C] f32"
      : i === 0
        ? "[..., C] rows, may be a slice"
        : `like ${inputs[0]}`;
    return `${i} ${operand} ${shape}`;
  });
  return `#pragma once
// ${name}: y[m, c] = ${text}
//
// in  ${shapes.join("\n//     ")}
// out 0 y like ${inputs[0]}
#include "runtime/${attributes.length > 0 ? "attribute_reader" : "kernel"}.h"
`;
}

/** The head of the formula as a function in C++, which both kernels have. */
function nativeFormula({ operands, floats, attributes, formula, pascal }, prefix) {
  const parameters = operands.map((operand) => `float ${operand}`);
  if (attributes.length > 0) parameters.push(`const ${pascal}Attributes& ${floats.length > 0 ? "attrs" : ""}`.trim());
  const factors = floats.map((factor) => `static_cast<float>(attrs.${snakeCase(factor)})`);
  return `// An element of y, from those of the inputs and of the vectors.
${prefix} float formula(${parameters.join(", ")}) {
  return ${formula((operand) => operand, factors)};
}`;
}

function cpuKernel(op) {
  const { family, name, inputs, vectors, operands, attributes, pascal } = op;
  const rows = inputs.map((input, i) => `${input}(call.in[${i}])`);
  const element = (operand) =>
    vectors.includes(operand) ? `${operand}[c]` : `${operand}.data[r * ${operand}.stride + c]`;
  const values = [...operands.map(element), ...(attributes.length > 0 ? ["attrs"] : [])];
  return `#include "ops/${family}/${name}.h"

#include "cpu/primitives/simd.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

${nativeFormula(op, "inline")}

Status ${name}(const Call& call) {
  const Rows ${rows.join(", ")}, y(call.out[0]);
${lines(vectors, (vector, i) => `  const float* ${vector} = call.in[${inputs.length + i}].f32();`)}${
    attributes.length > 0 ? `  const ${pascal}Attributes attrs(call);\n` : ""
  }  const int64_t step = rows_per_task(y.channels);
  call.pool->parallel_for(ceil_div(y.rows, step), [&](int64_t task, int) {
    for (int64_t r = task * step; r < min64(y.rows, (task + 1) * step); ++r) {
      for (int64_t c = 0; c < y.channels; ++c) {
        y.data[r * y.stride + c] = formula(${values.join(", ")});
      }
    }
  });
  return {};
}

VIDEOCLIP_KERNEL("${name}", ${name}, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
`;
}

function cudaKernel(op) {
  const { family, name, inputs, vectors, operands, attributes, pascal } = op;
  const element = (operand) =>
    vectors.includes(operand)
      ? `a.${operand}.load(static_cast<size_t>(c))`
      : `to_float(a.${operand}.load(static_cast<size_t>(row * a.${operand}_stride + c)))`;
  const values = [...operands.map(element), ...(attributes.length > 0 ? ["a.attrs"] : [])];
  const fields = [
    "global<T>(out)",
    ...inputs.map((_, i) => `global<const T>(call.in[${i}])`),
    ...vectors.map((_, i) => `global<const float>(call.in[${inputs.length + i}])`),
    "y.stride",
    ...inputs.map((_, i) => `Rows(call.in[${i}]).stride`),
    "y.channels",
    ...(attributes.length > 0 ? [`${pascal}Attributes(call)`] : []),
  ];
  return `// The formula of ops/${family}/${name}.h.
//
// ${[...inputs, "y"].join(", ")} [..., C] of T (f32, bf16 or f16), each may be a channel slice; arithmetic in f32. A block takes up to 128
// channels of a row, a thread one of them. Each input is read once and
// y is written once: bound by memory.
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "ops/${family}/${name}.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace ${name}_op {

constexpr int kThreads = 128;

template <typename T>
struct Args {
  Global<T> y;
  Global<const T> ${inputs.join(", ")};
${vectors.length > 0 ? `  Global<const float> ${vectors.join(", ")};\n` : ""}  int64_t y_stride, ${inputs.map((input) => `${input}_stride`).join(", ")}, channels;
${attributes.length > 0 ? `  ${pascal}Attributes attrs;\n` : ""}};

${nativeFormula(op, "VC_DEVICE")}

template <typename T>
__global__ void __launch_bounds__(kThreads) ${name}_kernel(Args<T> a) {
  const int64_t row = blockIdx.x, c = int64_t{blockIdx.y} * kThreads + threadIdx.x;
  if (c >= a.channels) return;
  const float y = formula(${values.join(", ")});
  a.y.store(static_cast<size_t>(row * a.y_stride + c), from_float<T>(y));
}

Status ${name}(const Call& call) {
  const Tensor& out = call.out[0];
  if (out.elements() == 0) return {};
  const Rows y(out);
  return for_float(out.dtype, [&](auto type) {
    using T = decltype(type);
    const Args<T> args{${fields.join(", ")}};
    const Grid grid{y.rows, (y.channels + kThreads - 1) / kThreads};
    return launch<${name}_kernel<T>>(grid, kThreads, 0, call.stream, args);
  });
}

VIDEOCLIP_CUDA_KERNEL("${name}", ${name}, no_workspace);

}  // namespace ${name}_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
`;
}

/** The gradient of the formula of the templates. */
function gradient({ inputs, vectors, floats, operands }) {
  const scaled = (value) => floats.reduce((text, factor) => `g.scale(${text}, attrs.${factor})`, value);
  const times = (value, factors) => factors.reduce((text, factor) => `g.mul(${text}, ${factor}!)`, value);
  const sum = inputs.slice(1).reduce((text, input) => `g.add(${text}, ${input}!)`, `${inputs[0]}!`);
  const rule = (operand, slot) => {
    const others = vectors.filter((vector) => vector !== operand);
    const value = vectors.includes(operand)
      ? `g.sumTo(${scaled(times(`g.mul(dy!, ${sum})`, others))}, ${operand}!.shape)`
      : scaled(times("dy!", vectors));
    return `    needs[${slot}] ? ${value} : null, // d${operand}`;
  };
  const used = vectors.length > 0 ? `inputs: [${operands.join(", ")}], ` : "";
  return `  gradient: ({ ${used}${floats.length > 0 ? "attrs, " : ""}outGrads: [dy], needs }, ${
    floats.length + vectors.length > 0 ? "g" : ""
  }) => [
${lines(operands, rule)}  ],
`;
}

function definition(op) {
  const { name, inputs, vectors, operands, attributes, floats, camel, pascal, formula } = op;
  const hasAttributes = attributes.length > 0;
  const attrs = hasAttributes ? `${pascal}Attrs` : "Record<string, never>";
  const rules = [...new Set(attributes.map(({ type }) => attributeKind(type).rule.match(/^\w+/)[0]))].sort();
  const elements = operands.map((operand) =>
    vectors.includes(operand) ? `${operand}!.data[i % C]` : `${operand}!.data[i]`,
  );
  const emitted = (operand) => `emit.arranged(${operand}!)`;
  const sum = inputs
    .slice(1)
    .reduce((text, input) => `emit.node("Add", [${text}, ${emitted(input)}])`, emitted(inputs[0]));
  const onnxFactors = [...vectors.map(emitted), ...floats.map((factor) => `emit.floats([attrs.${factor}], [])`)];
  const onnx = onnxFactors.reduce((text, factor) => `emit.node("Mul", [${text}, ${factor}])`, sum);
  const others = operands.slice(1);
  return `${hasAttributes ? 'import { layout } from "../../graph/attribute_layout.js";\n' : ""}import { checkOperand } from "../../graph/operands.js";
${rules.length > 0 ? `import { ${rules.join(", ")} } from "../../graph/rules.js";\n` : ""}import { type Array64, defineOp, type TensorType } from "../../graph/tensor.js";

${
  hasAttributes
    ? `export interface ${attrs} {\n${lines(attributes, (a) => `  /** TODO: what it is. */\n  ${a.name}: ${attributeKind(a.type).type};`)}}\n\n`
    : ""
}/** An element of y, from those of the inputs and of the vectors. */
const formula = (${operands.map((operand) => `${operand}: number`).join(", ")}${floats.length > 0 ? `, { ${floats.join(", ")} }: ${attrs}` : ""}): number => ${formula(
    (operand) => operand,
    floats,
  )};

function shape([${operands.join(", ")}]: (TensorType | null)[]): TensorType[] {
  const { shape: size, dtype } = checkOperand("${name}", "${inputs[0]}", ${inputs[0]}, ["...", "C"]);
${lines(others, (operand) =>
  vectors.includes(operand)
    ? `  checkOperand("${name}", "${operand}", ${operand}, size.slice(-1), ["f32"]);`
    : `  checkOperand("${name}", "${operand}", ${operand}, size, [dtype]);`,
)}  return [{ shape: size, dtype }];
}

function reference([${operands.join(", ")}]: (Array64 | null)[]${floats.length > 0 ? `, attrs: ${attrs}` : ""}): Array64[] {
${vectors.length > 0 ? `  const C = ${inputs[0]}!.shape[${inputs[0]}!.shape.length - 1];\n` : ""}  const data = ${inputs[0]}!.data.map((_, i) => formula(${[
    ...elements,
    ...(floats.length > 0 ? ["attrs"] : []),
  ].join(", ")}));
  return [{ shape: ${inputs[0]}!.shape, data }];
}

/** TODO: what it computes, with shapes. */
export const ${camel} = defineOp<${attrs}>({
  name: "${name}",
  operands: [
${lines(inputs, (input) => `    { name: "${input}", strided: true, batched: true },`)}${lines(vectors, (vector) => `    { name: "${vector}", f32: true },`)}  ],
${
  hasAttributes
    ? `  attributes: { ${attributes.map((a) => `${a.name}: ${attributeKind(a.type).rule}`).join(", ")} },
  layout: layout({ ${attributes.map((a) => `${a.name}: "${a.type}"`).join(", ")} }),
`
    : ""
}  shape,
  reference,
${gradient(op)}  toOnnx: ({ inputs: [${operands.join(", ")}], outputs: [y]${floats.length > 0 ? ", attrs" : ""} }, emit) =>
    emit.set(y, ${onnx === emitted(inputs[0]) ? `emit.node("Identity", [${onnx}])` : onnx}),
});
`;
}

function cases({ family, name, inputs, vectors, attributes, camel }) {
  const attrs = `{ ${attributes.map((a) => `${a.name}: ${attributeKind(a.type).value}`).join(", ")} }`;
  const row = (label, shape) => {
    const all = [...inputs.map(() => shape), ...vectors.map(() => shape.slice(-1))];
    const operands = all.map((size) => `{ shape: [${size.join(", ")}] }`);
    return `  { name: "${label}", inputs: [${operands.join(", ")}], attrs${attributes.length > 0 ? "" : ": {}"} },\n`;
  };
  return `import { ${camel} } from "#lib/ops/${family}/${name}.js";
import { defineCases } from "../case_table.js";

${attributes.length > 0 ? `const attrs = ${attrs};\n\n` : ""}defineCases(${camel}, [
${row("one", [1, 1])}${row("odd", [7, 33])}${row("three axes", [2, 3, 16])}${row("wider than a block", [3, 131])}]);
`;
}

/** Path and text of every file of an op. */
export function filesOf(options) {
  const op = pieces(options);
  const { family, name } = op;
  return {
    [`native/cpp/ops/${family}/${name}.h`]: contract(op),
    [`native/cpp/cpu/${family}/${name}.cc`]: cpuKernel(op),
    [`native/cuda/${family}/${name}.cu`]: cudaKernel(op),
    [`lib/ops/${family}/${name}.ts`]: definition(op),
    [`test/ops/cases/${family}/${name}.ts`]: cases(op),
  };
}
