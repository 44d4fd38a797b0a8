import type { Device } from "../runtime/device.js";
import { adam, globalNorm, keepFinite, sgdMomentum } from "../ops/index.js";
import { elements, type Tensor } from "../graph/tensor.js";
import { applyOp, parameter, scalar, update } from "../graph/trace.js";
import { checkKind, checkNames, renameOption, wrongOption } from "./check_options.js";

/**
 * Adam: `weightDecay` is added to the gradient; AdamW: it is applied to the parameter. Betas and eps default to
 * torch's.
 */
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

/** Settings of the parameters whose keys match; the first group that matches a key applies. */
export interface ParameterGroup {
  /** A regular expression over keys. */
  match: RegExp | string;
  /** Multiplies the schedule's learning rate. Default 1. */
  learningRateFactor?: number | undefined;
  /** @deprecated Use `learningRateFactor`. */
  rate?: number | undefined;
  /** Weight decay in place of the optimizer's. */
  weightDecay?: number | undefined;
  /** The parameters are not trained: no gradient is computed for them. */
  frozen?: boolean | undefined;
}

export type OptimizerOptions = (AdamOptions | SgdOptions) & {
  groups?: readonly ParameterGroup[] | undefined;
  /** Gradients are scaled down so that their common 2-norm is at most this. Default: no clipping. */
  maxNorm?: number | undefined;
};

/** Biases and the vectors of normalisations, which are commonly not decayed. */
export const NO_DECAY: ParameterGroup = { match: /(^|[._])(bias|gamma|beta)$|norm\d*\.weight$/i, weightDecay: 0 };

/** A trained parameter and its gradient. */
export interface Trained {
  parameter: Tensor;
  gradient: Tensor;
}

interface Resolved {
  learningRateFactor: number;
  weightDecay: number;
  frozen: boolean;
}

/** State that an optimizer keeps for a parameter, by torch's names. */
const STATE = { adam: ["exp_avg", "exp_avg_sq"], adamw: ["exp_avg", "exp_avg_sq"], sgd: ["momentum_buffer"] } as const;

const COMMON = ["weightDecay", "groups", "maxNorm"];
const ADAM = ["beta1", "beta2", "eps", ...COMMON];
const FIELDS = { adam: ADAM, adamw: ADAM, sgd: ["momentum", "nesterov", ...COMMON] };
const GROUP = ["match", "learningRateFactor", "weightDecay", "frozen"];

const keyOf = (tensor: Tensor): string => tensor.node.attrs.key as string;

/**
 * Adds the step of an optimizer to a traced program. Its state is in the parameter store under `optimizer.<state>.<key>` and
 * starts as zeros.
 */
export class Optimizer {
  readonly options: OptimizerOptions;
  readonly #groups: { test: RegExp; group: ParameterGroup }[];

  constructor(options: OptimizerOptions) {
    for (const name of ["lr", "rate", "learningRate"]) {
      if (typeof options === "object" && options !== null && name in options) {
        throw wrongOption(`optimizer.${name}`, "the learning rate as schedule.learningRate", (options as never)[name]);
      }
    }
    checkKind("optimizer", options, FIELDS);
    this.options = options;
    this.#groups = (options.groups ?? []).map((given, i) => {
      const where = `optimizer.groups[${i}]`;
      const group = renameOption(where, given, "rate", "learningRateFactor");
      checkNames(where, group, GROUP);
      return { test: new RegExp(group.match), group };
    });
  }

  /** Settings of a parameter. @internal */
  groupOf(key: string): Resolved {
    const group = this.#groups.find(({ test }) => test.test(key))?.group;
    const { learningRateFactor = 1, weightDecay = this.options.weightDecay ?? 0, frozen = false } = group ?? {};
    return { learningRateFactor, weightDecay, frozen };
  }

  /** Store keys of the state of a parameter. */
  stateKeys(key: string): string[] {
    return STATE[this.options.kind].map((name) => `optimizer.${name}.${key}`);
  }

  /** Sets state that the store does not have yet to zeros. */
  allocateState(device: Device, parameters: Iterable<{ key: string; shape: readonly number[] }>): void {
    for (const { key, shape } of parameters) {
      for (const name of this.stateKeys(key)) {
        if (!device.parameters.has(name)) device.parameters.set(name, shape, new Float32Array(elements(shape)));
      }
    }
  }

  /**
   * Inside trace(): updates the parameters and `statistics` (parameter and next value). When a gradient is not finite, nothing
   * changes. The program needs the scalars that {@link scalars} returns.
   * @returns the gradient-scaler state `[3]`; `SCALER_STATE` names its elements
   * @internal
   */
  step(trained: readonly Trained[], statistics: readonly { parameter: Tensor; next: Tensor }[] = []): Tensor {
    const { maxNorm = 0 } = this.options;
    const gradients = trained.map(({ gradient }) => gradient);
    const scaler = applyOp(globalNorm, [scalar("unscale"), ...gradients], { maxNorm })[0];
    for (const [name, list] of this.#byGroup(trained)) this.#move(name, list, scaler);
    if (statistics.length > 0) {
      const operands = statistics.flatMap(({ parameter: old, next }) => [old, next]);
      const kept = applyOp(keepFinite, [scaler, ...operands], {});
      statistics.forEach(({ parameter: old }, i) => update(old, kept[i]));
    }
    return scaler;
  }

  /**
   * Scalars of update number `t`, which counts from 1.
   * @param unscale 1 / (loss scale x number of summed batches)
   */
  scalars(
    trainedKeys: Iterable<string>,
    t: number,
    learningRate: number,
    unscale = 1,
  ): Record<string, number | number[]> {
    const out: Record<string, number | number[]> = { unscale };
    for (const key of trainedKeys) {
      const { name, group } = this.#name(key);
      out[`learning_rate.${name}`] ??= this.#learningRates(t, learningRate * group.learningRateFactor);
    }
    return out;
  }

  /** The learning rate and, for Adam, its bias corrections: the first operand of the op `adam` or `sgd_momentum`. */
  #learningRates(t: number, learningRate: number): number | number[] {
    const { options } = this;
    if (options.kind === "sgd") return learningRate;
    const { beta1 = 0.9, beta2 = 0.999 } = options;
    return [learningRate, learningRate / (1 - beta1 ** t), 1 / Math.sqrt(1 - beta2 ** t)];
  }

  /** Parameters with the same learning rate and weight decay are updated together, whichever group they belong to. */
  #name(key: string) {
    const group = this.groupOf(key);
    return { name: `${group.learningRateFactor}/${group.weightDecay}`, group };
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

  #move(name: string, list: Trained[], scaler: Tensor): void {
    const { options } = this;
    const { weightDecay } = this.groupOf(keyOf(list[0].parameter));
    const state = list.map(({ parameter: p }) => this.stateKeys(keyOf(p)).map((key) => parameter(key, p.shape)));
    const operands = list.flatMap(({ parameter: p, gradient }, i) => [p, gradient, ...state[i]]);
    const moved =
      options.kind === "sgd"
        ? applyOp(sgdMomentum, [scalar(`learning_rate.${name}`), scaler, ...operands], {
            momentum: options.momentum ?? 0,
            weightDecay,
            nesterov: options.nesterov ?? false,
          })
        : applyOp(adam, [scalar(`learning_rate.${name}`, 3), scaler, ...operands], {
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
