// Checks gradient rules against central finite differences of the float64 references, and native gradients against the
// rules.
import * as assert from "uvu/assert";
import { differentiate } from "#lib/autodiff/differentiate.js";
import { evaluate64 } from "#lib/graph/evaluate64.js";
import { compile } from "#lib/runtime/compile.js";
import type { Device } from "#lib/runtime/device.js";
import { type Array64, elements, isFloat, type OpDefinition, type Tensor } from "#lib/graph/tensor.js";
import type { OpCase } from "../ops/cases/case_table.js";
import { applyOp, type Graph, input, trace } from "#lib/graph/trace.js";
import { hashValues } from "#lib/nn/random_weights.js";
import { type CaseValue, makeInput } from "../ops/case_input.js";
import { relativeL2 } from "../support/numbers.js";

export type AnyOp = OpDefinition<Record<string, unknown>>;
export type AnyCase = OpCase<Record<string, unknown>>;

export interface GradientCheckOptions {
  /** Outputs to differentiate; the default is all of a floating type. */
  outputs?: readonly number[];
  /** Inputs to differentiate by; the default is all of a floating type. */
  inputs?: readonly number[];
}

const STEP = 1e-5;
/**
 * Elements of an input that are moved one by one. Of a larger input some are moved, and all at once in random
 * directions.
 */
const MAX_MOVED = 64;
const SOME = 12;

const noise = (name: string, n: number): Float64Array => Float64Array.from(hashValues("gradients", name, n));
const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, v, i) => sum + v * b[i], 0);
const norm = (a: Float64Array): number => Math.sqrt(dot(a, a));

/** An op on one row of its shape table, with the gradient of sum(w y) for fixed random w. */
class Problem {
  readonly values: (CaseValue | null)[];
  readonly outputs: number[];
  readonly wrt: number[];
  readonly seeds = new Map<number, Array64>();

  constructor(
    readonly op: AnyOp,
    readonly row: AnyCase,
    options: GradientCheckOptions,
  ) {
    const name = `${op.name}/${row.name}`;
    this.values = row.inputs.map((rule, i) => {
      if (!rule || rule.dtype === "u8" || rule.dtype === "i32") return rule && makeInput(rule, `${name}/${i}`);
      // in f32 and away from the integers, at which relu and maxima have corners
      const { data, shape } = makeInput({ ...rule, dtype: "f32" }, `${name}/${i}`);
      const moved = rule.integer ? noise(`${name}/moved/${i}`, data.length).map((v) => 0.3 * v) : null;
      const values = Float64Array.from(data as Float32Array, (v, j) => Math.fround(v + (moved?.[j] ?? 0)));
      return { shape, data: Float32Array.from(values), dtype: "f32", values };
    });
    const floats = (list: ({ dtype: string } | null)[]) =>
      list.flatMap((x, i) => (x && isFloat(x.dtype as "f32") ? [i] : []));
    const types = op.shape(
      this.values.map((x) => x && { shape: x.shape, dtype: x.dtype }),
      row.attrs,
    );
    this.outputs = [...(options.outputs ?? floats(types))];
    this.wrt = [...(options.inputs ?? floats(this.values))];
    for (const i of this.outputs) {
      const { shape } = types[i];
      this.seeds.set(i, { shape, data: noise(`${name}/seed/${i}`, elements(shape)) });
    }
  }

  /** sum(w y) with the given inputs, of which one is replaced by `moved`. */
  loss(slot: number, moved: Float64Array): number {
    const inputs = this.values.map((x, i) => x && { shape: x.shape, data: i === slot ? moved : x.values });
    const results = this.op.reference(inputs, this.row.attrs);
    return this.outputs.reduce((sum, i) => sum + dot(results[i].data, this.seeds.get(i)!.data), 0);
  }

  /** The graph of the gradients: `d<slot>` for each input that has one. */
  graph(): Graph {
    return trace(() => {
      const inputs = this.values.map((x, i) => x && input(`x${i}`, x.shape, x.dtype));
      const outputs = applyOp(this.op, inputs, this.row.attrs);
      const seeds = this.outputs.map((i) => ({ value: outputs[i], gradient: input(`dy${i}`, outputs[i].shape) }));
      const gradients = differentiate(
        seeds,
        this.wrt.map((slot) => inputs[slot]!),
      );
      return Object.fromEntries(gradients.flatMap((g, k): [string, Tensor][] => (g ? [[`d${this.wrt[k]}`, g]] : [])));
    });
  }

  arrays(): Record<string, Array64> {
    const named = this.values.flatMap((x, i): [string, Array64][] =>
      x ? [[`x${i}`, { shape: x.shape, data: x.values }]] : [],
    );
    const seeds = [...this.seeds].map(([i, seed]): [string, Array64] => [`dy${i}`, seed]);
    return Object.fromEntries([...named, ...seeds]);
  }
}

const noParameter = (): Array64 => {
  throw new Error("an op reads no parameters");
};

/** A gradient in float64, including a gradient that is a reshaped input. */
const evaluated = (problem: Problem): Record<string, Array64> =>
  evaluate64(problem.graph(), problem.arrays(), noParameter);

/**
 * Relative error of a gradient rule: each input's gradient is compared with central finite differences of the
 * reference, for all elements of small inputs, otherwise for some elements and random directions. A gradient that the
 * rule omits must be zero. @returns the largest error
 */
export function finiteDifferenceError(op: AnyOp, row: AnyCase, options: GradientCheckOptions = {}): number {
  const problem = new Problem(op, row, options);
  const gradients = evaluated(problem);
  let worst = 0;
  for (const slot of problem.wrt) {
    const values = problem.values[slot]!.values;
    const n = values.length;
    const gradient = gradients[`d${slot}`]?.data ?? new Float64Array(n);
    assert.is(gradient.length, n, `gradient ${slot} of ${op.name}`);
    const along = (direction: (i: number) => number) => {
      const moved = (h: number) =>
        problem.loss(
          slot,
          values.map((v, i) => v + h * direction(i)),
        );
      return (moved(STEP) - moved(-STEP)) / (2 * STEP);
    };
    const chosen =
      n <= MAX_MOVED ? [...values.keys()] : Array.from({ length: SOME }, (_, k) => Math.floor(((k + 0.5) * n) / SOME));
    let difference = 0;
    let square = 0;
    for (const i of chosen) {
      difference += (along((j) => (j === i ? 1 : 0)) - gradient[i]) ** 2;
      square += gradient[i] ** 2;
    }
    // some elements may all be near zero: then the norm of the entire gradient is the scale
    const scale = Math.max(Math.sqrt(square), norm(gradient) * Math.sqrt(chosen.length / n));
    worst = Math.max(worst, Math.sqrt(difference) / (scale || 1));
    for (let k = 0; n > MAX_MOVED && k < 2; k++) {
      const direction = noise(`direction/${k}/${slot}`, n);
      const size = (norm(gradient) * norm(direction)) / Math.sqrt(n);
      worst = Math.max(worst, Math.abs(along((i) => direction[i]) - dot(gradient, direction)) / (size || 1));
    }
  }
  return worst;
}

/** The largest relative L2 between the device's gradients and the same rule in float64. */
export async function nativeGradientError(
  op: AnyOp,
  row: AnyCase,
  device: Device,
  options: GradientCheckOptions = {},
): Promise<number> {
  const problem = new Problem(op, row, options);
  const expected = evaluated(problem);
  const graph = problem.graph();
  if (graph.outputs.size === 0) return 0;
  const given = Object.fromEntries([
    ...problem.values.flatMap((x, i): [string, CaseValue["data"]][] => (x ? [[`x${i}`, x.data]] : [])),
    ...[...problem.seeds].map(([i, { data }]): [string, Float32Array] => [`dy${i}`, Float32Array.from(data)]),
  ]);
  const names = [...graph.inputs.keys()];
  const program = compile(graph, device);
  try {
    const results = await program.run(Object.fromEntries(names.map((name) => [name, given[name]])));
    return Math.max(...Object.entries(results).map(([name, got]) => relativeL2(got, expected[name].data)));
  } finally {
    program.dispose();
  }
}
