import { InvalidArgumentError } from "../base/errors.js";
import { blockOfLayer, differentiate } from "../autodiff/differentiate.js";
import { binary, reshape } from "../ops/index.js";
import { elements, Tensor } from "../graph/tensor.js";
import {
  applyOp,
  type Graph,
  input,
  isFrozen,
  nodesBelow,
  PARAMETER,
  parameter,
  scalar,
  takeUpdates,
  trace,
  update,
} from "../graph/trace.js";
import type { InitialValue } from "../nn/initial.js";
import { initialOf } from "../nn/parameters.js";
import type { Optimizer, Trained } from "./optimizer.js";
import { type Batch, dtypeOf, type Task } from "./task.js";

/**
 * The part of an update that a program computes. `whole` is one batch with its step. When gradients are summed over several
 * batches, `first` sets the sums, `more` adds to them, and `last` adds its gradients and takes the step.
 */
export type StepPart = "whole" | "first" | "more" | "last";

export interface Parameter {
  key: string;
  shape: readonly number[];
}

export interface TracedStep {
  graph: Graph;
  /** Trained parameters, in the order in which they are read. */
  trained: Parameter[];
  /** All parameters of the model, with frozen ones and running statistics; `init` is the initial value that a net defines. */
  model: (Parameter & { init?: InitialValue | undefined })[];
}

/** Store key of the sum of a parameter's gradients. */
export const sumKey = (key: string): string => `gradient.${key}`;

/**
 * Traces forward, backward and the optimizer's step (or the sum of gradients) as one program. Outputs: `loss`, the task's
 * other measures and, with the parts that take a step, the `scaler_state` of the optimizer. Scalars: `loss_scale`,
 * `random_key` of dropout, and those of the optimizer.
 */
export function traceStep(
  task: Task,
  batch: Batch,
  optimizer: Optimizer,
  part: StepPart,
  { dropout, checkpointing = false }: { dropout?: number | undefined; checkpointing?: boolean | undefined } = {},
): TracedStep {
  let trained: Parameter[] = [];
  let model: TracedStep["model"] = [];
  const build = (): Record<string, Tensor> => {
    const inputs = Object.fromEntries(
      Object.entries(batch.inputs).map(([name, array]) => [name, input(name, array.shape, dtypeOf(array))]),
    );
    const values = task.forward(inputs);
    checkLoss(values);
    const statistics = takeUpdates();
    const all = [...new Set([...parametersBelow(Object.values(values)), ...statistics.map((s) => s.parameter)])];
    const candidates = all.filter((tensor) => tensor.dtype === "f32" && !isFrozen(keyOf(tensor)));
    const pairs = gradientsOf(values.loss, candidates, checkpointing);
    if (pairs.length === 0) {
      throw new InvalidArgumentError("loss: there is nothing to train: every parameter that it depends on is frozen", {
        argument: "loss",
        received: all.map(keyOf),
      });
    }
    trained = pairs.map(({ parameter: p }) => ({ key: keyOf(p), shape: p.shape }));
    model = all.map((p) => ({ key: keyOf(p), shape: p.shape, init: initialOf(p) }));
    const summed = part === "whole" ? pairs : sums(pairs, part);
    if (part === "whole" || part === "last") return { ...values, scaler_state: optimizer.step(summed, statistics) };
    for (const { parameter: p, next } of statistics) update(p, next);
    return values;
  };
  const graph = trace(build, { training: { dropout, isFrozen: (key) => optimizer.groupOf(key).frozen } });
  return { graph, trained, model };
}

/** @throws InvalidArgumentError when the task's `loss` is not a single f32 value */
function checkLoss(values: Record<string, Tensor>): void {
  const { loss } = values ?? {};
  if (loss instanceof Tensor && loss.dtype === "f32" && loss.shape.length <= 1 && elements(loss.shape) === 1) return;
  const received = loss instanceof Tensor ? `${loss.dtype} [${loss.shape.join(", ")}]` : typeof loss;
  throw new InvalidArgumentError(
    `loss: expected one f32 value, [1] or [], such as the mean over the batch, received ${received}`,
    { argument: "loss", expected: [1], received: loss?.shape },
  );
}

const keyOf = (tensor: Tensor): string => tensor.node.attrs.key as string;

function gradientsOf(loss: Tensor, parameters: Tensor[], checkpointing: boolean): Trained[] {
  const scale = scalar("loss_scale");
  const gradient = loss.shape.length === 1 ? scale : applyOp(reshape, [scale], { shape: loss.shape })[0];
  const options = checkpointing ? { checkpoint: blockOfLayer } : {};
  const gradients = differentiate([{ value: loss, gradient }], parameters, options);
  return parameters.flatMap((p, i) => (gradients[i] ? [{ parameter: p, gradient: gradients[i] }] : []));
}

/** Adds the gradients of earlier batches; every part but the last leaves the sums in the store. */
function sums(pairs: Trained[], part: StepPart): Trained[] {
  return pairs.map(({ parameter: p, gradient }) => {
    const sum = parameter(sumKey(keyOf(p)), p.shape);
    const next = part === "first" ? gradient : applyOp(binary, [sum, gradient], { kind: "add" })[0];
    if (part !== "last") update(sum, next);
    return { parameter: p, gradient: next };
  });
}

/** Parameters that the values depend on, in the order of their first use. */
const parametersBelow = (values: Tensor[]): Tensor[] =>
  [...nodesBelow(values)].flatMap((node) => (node.op === PARAMETER ? node.outputs[0] : [])).reverse();
