import type { Device } from "../runtime/device.js";
import { adam, globalNorm, keepFinite, sgdMomentum } from "../ops/index.js";
import { elements, type Tensor } from "../graph/tensor.js";
import { applyOp, parameter, scalar, update } from "../graph/trace.js";
import { checkKind, checkNames, wrongOption } from "./check_options.js";

/** Adam: `weightDecay` is added to the gradient; AdamW: it acts on the parameter. Betas and eps as in torch by default. */
export interface AdamOptions {
  kind: "adam" | "adamw";
  beta1?: number | undefined;
  beta2?: number | undefined;
  eps?: number | undefined;
  weightDecay?: number | undefined;
}

/** Gradient descent with momentum (as torch.optim.SGD without dampening). */
export interface SgdOptions {
  kind: "sgd";
  momentum?: number | undefined;
  weightDecay?: number | undefined;
  nesterov?: boolean | undefined;
}

/** What holds for the parameters whose keys match; the first group that matches a key takes it. */
export interface ParameterGroup {
  /** A regular expression over keys. */
  match: RegExp | string;
  /** Multiplies the schedule's rate. Default 1. */
  rate?: number | undefined;
  /** In place of the optimizer's. */
  weightDecay?: number | undefined;
  /** Not trained: no gradient is computed for it. */
  frozen?: boolean | undefined;
}

export type OptimizerOptions = (AdamOptions | SgdOptions) & {
  groups?: readonly ParameterGroup[] | undefined;
  /** Gradients are scaled down to this 2-norm of all of them together. Default: they are not. */
  maxNorm?: number | undefined;
};

/** Biases and the vectors of normalisations, which are commonly not decayed. */
export const NO_DECAY: ParameterGroup = { match: /(^|[._])(bias|gamma|beta)$|norm\d*\.weight$/i, weightDecay: 0 };

/** A parameter to be trained, and its gradient. */
export interface Trained {
  parameter: Tensor;
  gradient: Tensor;
}

interface Resolved {
  rate: number;
  weightDecay: number;
  frozen: boolean;
}

/** State that an optimizer keeps for a parameter, by the names that torch gives it. */
const STATE = { adam: ["exp_avg", "exp_avg_sq"], adamw: ["exp_avg", "exp_avg_sq"], sgd: ["momentum_buffer"] } as const;

const COMMON = ["weightDecay", "groups", "maxNorm"];
const ADAM = ["beta1", "beta2", "eps", ...COMMON];
const FIELDS = { adam: ADAM, adamw: ADAM, sgd: ["momentum", "nesterov", ...COMMON] };
const GROUP = ["match", "rate", "weightDecay", "frozen"];

const keyOf = (tensor: Tensor): string => tensor.node.attrs.key as string;

/**
 * Puts the step of an optimizer into a traced program. Its state lies in the parameter store under
 * `optimizer.<state>.<key>`, zeros at first.
 */
export class Optimizer {
  readonly options: OptimizerOptions;
  readonly #groups: { test: RegExp; group: ParameterGroup }[];

  constructor(options: OptimizerOptions) {
    for (const name of ["lr", "rate", "learningRate"]) {
      if (typeof options === "object" && options !== null && name in options) {
        throw wrongOption(`optimizer.${name}`, "the learning rate as schedule.rate", (options as never)[name]);
      }
    }
    checkKind("optimizer", options, FIELDS);
    for (const [i, group] of (options.groups ?? []).entries()) checkNames(`optimizer.groups[${i}]`, group, GROUP);
    this.options = options;
    this.#groups = (options.groups ?? []).map((group) => ({ test: new RegExp(group.match), group }));
  }

  /** What holds for a parameter. @internal */
  groupOf(key: string): Resolved {
    const group = this.#groups.find(({ test }) => test.test(key))?.group;
    const { rate = 1, weightDecay = this.options.weightDecay ?? 0, frozen = false } = group ?? {};
    return { rate, weightDecay, frozen };
  }

  /** Store keys of the state of a parameter. */
  stateKeys(key: string): string[] {
    return STATE[this.options.kind].map((name) => `optimizer.${name}.${key}`);
  }

  /** Zeros for the state that the store does not hold yet. */
  allocateState(device: Device, parameters: Iterable<{ key: string; shape: readonly number[] }>): void {
    for (const { key, shape } of parameters) {
      for (const name of this.stateKeys(key)) {
        if (!device.parameters.has(name)) device.parameters.set(name, shape, new Float32Array(elements(shape)));
      }
    }
  }

  /**
   * Inside trace(): updates the parameters, and `statistics` (parameter and next value) beside them. When a gradient is not
   * finite nothing changes. Takes the scalars that {@link scalars} gives.
   * @returns control `[3]`: the norm of the gradients before clipping, the factor they were multiplied by, 1 when finite
   * @internal
   */
  step(trained: readonly Trained[], statistics: readonly { parameter: Tensor; next: Tensor }[] = []): Tensor {
    const { maxNorm = 0 } = this.options;
    const gradients = trained.map(({ gradient }) => gradient);
    const control = applyOp(globalNorm, [scalar("unscale"), ...gradients], { maxNorm })[0];
    for (const [name, list] of this.#byGroup(trained)) this.#move(name, list, control);
    if (statistics.length > 0) {
      const operands = statistics.flatMap(({ parameter: old, next }) => [old, next]);
      const kept = applyOp(keepFinite, [control, ...operands], {});
      statistics.forEach(({ parameter: old }, i) => update(old, kept[i]));
    }
    return control;
  }

  /**
   * Scalars of update number `t` (from 1) at a rate.
   * @param unscale 1 / (loss scale x number of summed batches)
   */
  scalars(trainedKeys: Iterable<string>, t: number, rate: number, unscale = 1): Record<string, number | number[]> {
    const out: Record<string, number | number[]> = { unscale };
    for (const key of trainedKeys) {
      const { name, group } = this.#name(key);
      out[`rate.${name}`] ??= this.#rates(t, rate * group.rate);
    }
    return out;
  }

  #rates(t: number, rate: number): number | number[] {
    const { options } = this;
    if (options.kind === "sgd") return rate;
    const { beta1 = 0.9, beta2 = 0.999 } = options;
    return [rate, rate / (1 - beta1 ** t), 1 / Math.sqrt(1 - beta2 ** t)];
  }

  /** Parameters with one rate and one decay are one group, whatever rule they come from. */
  #name(key: string) {
    const group = this.groupOf(key);
    return { name: `${group.rate}/${group.weightDecay}`, group };
  }

  #byGroup(trained: readonly Trained[]): Map<string, Trained[]> {
    const groups = new Map<string, Trained[]>();
    for (const item of trained) {
      const { name } = this.#name(keyOf(item.parameter));
      const list = groups.get(name);
      if (list) list.push(item);
      else groups.set(name, [item]);
    }
    return groups;
  }

  #move(name: string, list: Trained[], control: Tensor): void {
    const { options } = this;
    const { weightDecay } = this.groupOf(keyOf(list[0].parameter));
    const state = list.map(({ parameter: p }) => this.stateKeys(keyOf(p)).map((key) => parameter(key, p.shape)));
    const operands = list.flatMap(({ parameter: p, gradient }, i) => [p, gradient, ...state[i]]);
    const moved =
      options.kind === "sgd"
        ? applyOp(sgdMomentum, [scalar(`rate.${name}`), control, ...operands], {
            momentum: options.momentum ?? 0,
            weightDecay,
            nesterov: options.nesterov ?? false,
          })
        : applyOp(adam, [scalar(`rate.${name}`, 3), control, ...operands], {
            beta1: options.beta1 ?? 0.9,
            beta2: options.beta2 ?? 0.999,
            eps: options.eps ?? 1e-8,
            weightDecay,
            decoupled: options.kind === "adamw",
          });
    const targets = list.flatMap(({ parameter: p }, i) => [p, ...state[i]]);
    targets.forEach((target, i) => update(target, moved[i]));
  }
}
