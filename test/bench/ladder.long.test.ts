// The ladders of bench/ladder: every step, and the package's kernel at the end, computes the same within its bound; and
// the statements of bench/ladder/README.md on memory and conflicts agree with the emulator's counters.
import { spawnSync } from "node:child_process";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { buildCpu, buildEmulated, LADDERS, type LadderName } from "../../bench/ladder/build.js";
import { type CountedStep, disagreeing, markdown, runLadder, timeTable } from "../../bench/ladder/run.js";

const test = suite("ladder");
const names = Object.keys(LADDERS) as LadderName[];
const compiler = process.env.CXX ?? "g++";

test("an error names a step that differs or contains NaN", () => {
  const step = { flop: 1e6, bound: 1e-6, ms: [2, 1, 3] };
  const steps = [
    { ...step, step: "right", error: 1e-6 },
    { ...step, step: "wrong", error: 2e-6 },
    { ...step, step: "NaN", error: null },
  ];
  assert.equal(disagreeing(steps), ["wrong", "NaN"]);
  assert.match(timeTable(steps), /\| 1\. right \| 2\.00 \| +0\.5 \|/);
  assert.is(
    markdown([
      ["a", "bc"],
      ["d", "1"],
    ]),
    "| a | bc |\n| - | -: |\n| d |  1 |",
  );
});

if (spawnSync(compiler, ["--version"]).status !== 0) {
  process.stdout.write(`SKIP the ladders: no ${compiler}\n`);
} else {
  for (const name of names) {
    test(`the steps of ${name} agree on the CPU`, () => {
      const steps = runLadder(buildCpu(name).program, ["--small"]);
      assert.ok(steps.length >= 7, `${steps.length} steps`);
      assert.equal(disagreeing(steps), []);
    });
  }

  const counted = new Map<LadderName, CountedStep[]>();
  for (const name of names) {
    test(`the steps of ${name} agree on the emulator`, () => {
      const steps = runLadder<CountedStep>(buildEmulated(name), []);
      counted.set(name, steps);
      assert.ok(steps.length >= 5, `${steps.length} steps`);
      assert.equal(disagreeing(steps), []);
    });
  }

  const find = (name: LadderName, text: string): CountedStep => {
    const step = counted.get(name)?.find((s) => s.step.startsWith(text));
    assert.ok(step, `no step of ${name} begins with ${text}`);
    return step!;
  };

  test("tiles in shared memory read much less device memory than one thread per output", () => {
    for (const name of names) {
      const [plain, tiles] = counted.get(name)!;
      assert.ok(tiles!.sectors * 100 < plain!.sectors, `${name}: ${tiles!.sectors} of ${plain!.sectors} sectors`);
    }
  });

  test("the swizzle removes every bank conflict of the tensor cores' tiles", () => {
    for (const name of ["attention", "conv"] as const) {
      assert.ok(find(name, "tensor cores").bankConflicts > find(name, "tensor cores").sharedAccesses);
      assert.is(find(name, "swizzled tiles").bankConflicts, 0);
      assert.is(find(name, "swizzled tiles").mma, find(name, "tensor cores").mma);
    }
  });

  test("without storing scores, the contrastive loss has a third of the traffic", () => {
    assert.ok(find("contrastive", "fused").sectors * 3 < find("contrastive", "tensor cores").sectors);
  });
}

test.run();
