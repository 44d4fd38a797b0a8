// Optimizers and schedules: recorded trajectories, groups, and skipped steps.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createDevice, type DeviceName } from "#lib/runtime/device.js";
import { InvalidArgumentError } from "#lib/base/errors.js";
import { compile } from "#lib/runtime/compile.js";
import { input, parameter, trace } from "#lib/graph/trace.js";
import { NO_DECAY, Optimizer, type OptimizerOptions } from "#lib/train/optimizer.js";
import { makeSchedule, type Schedule } from "#lib/train/schedules.js";
import { readFixture } from "../../scripts/fixtures/case.js";
import { checkFixture } from "../../scripts/fixtures/check.js";
import { isError } from "../support/errors.js";

const test = suite("optimizers");
const DEVICES: DeviceName[] = ["cpu", "cuda-emulated"];

for (const device of DEVICES) {
  for (const name of ["adam_w_clip", "adam_coupled", "adam_transformer", "schedule_short"]) {
    test(`${name} follows the recorded trajectory on ${device}`, async () => {
      const on = createDevice({ device });
      const checks = await checkFixture(readFixture(`test/fixtures/ops/${name}.safetensors`), on);
      for (const check of checks) {
        assert.ok(!check.skip && check.maxError <= check.tolerance, `${check.name}: ${check.maxError}`);
      }
      on.dispose();
    });
  }
}

const list = (values: Float32Array) => [...values];

/** Parameters `keys` of two values each, all 1, and a program that takes a step with the given gradients. */
function stepper(options: OptimizerOptions, keys: string[], device = createDevice({ threads: 1 })) {
  const optimizer = new Optimizer(options);
  for (const key of keys) device.parameters.set(key, [2], Float32Array.of(1, 1));
  optimizer.allocateState(
    device,
    keys.map((key) => ({ key, shape: [2] })),
  );
  device.parameters.set("statistic", [1], Float32Array.of(5));
  const program = compile(
    trace(() => {
      const trained = keys.map((key) => ({ parameter: parameter(key, [2]), gradient: input(key, [2]) }));
      const statistics = [{ parameter: parameter("statistic", [1]), next: input("next", [1]) }];
      return { scaler_state: optimizer.step(trained, statistics) };
    }),
    device,
  );
  let t = 0;
  const step = async (gradients: number[][], learningRate: number, unscale = 1) => {
    const given = Object.fromEntries(keys.map((key, i) => [key, Float32Array.from(gradients[i])]));
    const scalars = optimizer.scalars(keys, ++t, learningRate, unscale);
    return list((await program.run({ ...given, ...scalars, next: Float32Array.of(6) })).scaler_state);
  };
  return { step, device, values: (key: string) => list(device.parameters.get(key)) };
}

test("momentum, decay and Nesterov follow their formulas", async () => {
  for (const nesterov of [false, true]) {
    const { step, values, device } = stepper({ kind: "sgd", momentum: 0.5, weightDecay: 0.25, nesterov }, ["w"]);
    let p = 1;
    let b = 0;
    for (const g of [2, -3, 0.5]) {
      await step([[g, g]], 0.125);
      const decayed = g + 0.25 * p;
      b = 0.5 * b + decayed;
      p -= 0.125 * (nesterov ? decayed + 0.5 * b : b);
      assert.ok(Math.abs(values("w")[1] - p) < 1e-6);
    }
    device.dispose();
  }
});

test("a step whose gradients are not finite changes nothing", async () => {
  for (const kind of ["adamw", "sgd"] as const) {
    for (const bad of [NaN, Infinity, 3e38]) {
      const { step, values, device } = stepper({ kind, weightDecay: 0.1 }, ["a", "b"]);
      const scaler = await step(
        [
          [1, 2],
          [bad, 0],
        ],
        0.1,
      );
      assert.equal(scaler.slice(1), [0, 0]);
      assert.equal([values("a"), values("b"), values("statistic")], [[1, 1], [1, 1], [5]]);
      const state = kind === "sgd" ? "momentum_buffer" : "exp_avg";
      assert.equal(values(`optimizer.${state}.a`), [0, 0]);
      assert.is(
        (
          await step(
            [
              [1, 2],
              [0, 0],
            ],
            0.1,
          )
        )[2],
        1,
      );
      assert.not.equal(values("a"), [1, 1]);
      assert.equal(values("statistic"), [6]);
      device.dispose();
    }
  }
});

test("without momentum a step is the learning rate times the gradient, also for Nesterov", async () => {
  for (const nesterov of [false, true]) {
    const { step, values, device } = stepper({ kind: "sgd", nesterov }, ["w"]);
    const gradients = [
      [2, -4],
      [0, 8],
      [0, 0],
    ];
    const expected = [
      [0, 3],
      [0, -1],
      [0, -1],
    ];
    for (const [i, gradient] of gradients.entries()) {
      await step([gradient], 0.5);
      assert.equal(values("w"), expected[i]);
    }
    device.dispose();
  }
});

test("groups have separate learning rates and decays, and clipping is over all groups", async () => {
  const { step, values, device } = stepper(
    {
      kind: "sgd",
      weightDecay: 0.5,
      maxNorm: 1,
      groups: [NO_DECAY, { match: "^slow", learningRateFactor: 0.1 }],
    },
    ["layer.weight", "layer.bias", "slow.weight", "layer.LayerNorm.weight"],
  );
  const g = [
    [2, 0],
    [2, 0],
    [2, 0],
    [2, 0],
  ];
  const [norm, factor] = await step(g, 1, 0.5);
  assert.is(norm, 2);
  assert.ok(Math.abs(factor - 0.25) < 1e-6);
  const near = (key: string, expected: number[]) =>
    values(key).forEach((v, i) => assert.ok(Math.abs(v - expected[i]) < 1e-5, `${key}: ${v}, expected ${expected[i]}`));
  near("layer.weight", [1 - 0.5 - 0.5, 0.5]);
  near("layer.bias", [0.5, 1]);
  near("layer.LayerNorm.weight", [0.5, 1]);
  near("slow.weight", [1 - 0.1, 0.95]);
  device.dispose();
});

test("errors name the wrong field of a schedule or an optimizer", () => {
  const refused = (schedule: unknown, pattern: RegExp) =>
    assert.throws(() => makeSchedule(schedule as Schedule), isError(InvalidArgumentError, pattern));
  refused({ kind: "linear", learningRate: -1, total: 5 }, /schedule.learningRate: expected 0 or more, received -1/);
  refused({ kind: "cosine", learningRate: 1, warmup: 5, total: 5 }, /schedule.total: expected more than warmup/);
  refused({ kind: "noam", hidden: 64 }, /schedule.warmup/);
  assert.throws(() => new Optimizer({ kind: "lion" as "adam" }), /expected adam, adamw or sgd, received "lion"/);
});

test("after the last step the learning rate is constant", () => {
  const schedule = makeSchedule({ kind: "cosine", learningRate: 1, total: 10 });
  assert.equal([10, 11, 100].map(schedule), [0, 0, 0]);
  const warmed = makeSchedule({ kind: "cosine", learningRate: 2, warmup: 4, total: 12 });
  assert.equal([2, 4, 8, 12, 13, 1e6].map(warmed), [1, 2, 1, 0, 0, 0]);
  assert.equal([10, 11].map(makeSchedule({ kind: "linear", learningRate: 1, total: 10 })), [0, 0]);
  assert.equal([10, 11].map(makeSchedule({ kind: "polynomial", learningRate: 1, total: 10, end: 0.25 })), [0.25, 0.25]);
  assert.is(makeSchedule({ kind: "constant", learningRate: 3, warmup: 2 })(1), 1.5);
});

test.run();
