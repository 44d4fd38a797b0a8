// videoclip train with packs: clip pairs with retrieval, captions, kinds of loss, activation checkpointing.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { planOf, prepareRun, trainerOf } from "#lib/train/recipes/prepare.js";
import { checkRecipe } from "#lib/train/recipes/read.js";
import { readMetrics } from "#lib/train/metrics.js";
import { CONFIG, smallPack } from "./small_pack.js";
import { videoclip } from "../support/command_line.js";
import { refused } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("contrastive runs");
const scratch = temporaryFolder("runs");
await smallPack(scratch, 16);
const file = join(scratch, "run.json");

const base = {
  task: "contrastive",
  out: "run",
  device: "cpu",
  threads: 2,
  model: { config: CONFIG },
  data: { pack: "pack", pairsPerVideo: 2, validation: "pack" } as Record<string, unknown>,
  optimizer: { kind: "adam" },
  schedule: { kind: "constant", learningRate: 0.003 },
  batch: 8,
};

/** Runs with changes of the configuration and returns the events. */
async function run(change: Record<string, unknown>) {
  const config = checkRecipe({ ...base, steps: 3, ...change });
  const path = (name: string) => join(scratch, name);
  const prepared = await prepareRun(config, { path });
  try {
    const trainer = trainerOf(config, prepared, path(config.out), false);
    const events: { loss: number; evaluation?: Record<string, number>; measures: Record<string, number> }[] = [];
    for await (const event of trainer.run()) events.push(event);
    const plan = planOf(config, prepared);
    trainer.dispose();
    return { events, plan, model: trainer.trained.map(({ key }) => key), device: prepared.device };
  } finally {
    prepared.dispose();
  }
}

const losses = ({ events }: { events: { loss: number }[] }) => events.map(({ loss }) => loss);

test("videoclip train over a pack has plans, statistics, a held-out pack, and resumes", () => {
  writeFileSync(file, JSON.stringify({ ...base, epochs: 2 }));
  const train = (...args: string[]) => videoclip("train", "--config", file, ...args);
  const dry = train("--dry-run");
  assert.is(dry.status, 0, dry.stderr);
  const plan = JSON.parse(dry.stdout) as Record<string, number>;
  assert.equal([plan.examples, plan.steps, plan.epochs], [32, 8, 2]);
  assert.is(train("--set", "steps=6", "--set", "epochs=1").status, 2);
  const done = train("--quiet");
  assert.is(done.status, 0, done.stderr);
  const lines = readMetrics(join(scratch, "run", "metrics.jsonl"));
  assert.equal(
    lines.map((line) => line.coverage !== undefined),
    [true, false, false, false, true, false, false, false],
  );
  assert.is(lines[7]["evaluation.queries"], 16);
  const more = train("--resume", "--set", "epochs=3", "--quiet");
  assert.is(more.status, 0, more.stderr);
  assert.is(readMetrics(join(scratch, "run", "metrics.jsonl")).length, 12);
});

test("the paper's ablations and alignments are keys of data", async () => {
  const data = base.data;
  const retrieval = await run({ out: "a" });
  for (const [name, change] of Object.entries({
    none: { retrieval: false },
    direct: { retrieval: { candidates: 4 } },
    exact: { sampling: { alignment: "exact" } },
    fixed: { sampling: { alignment: "fixed" } },
    start: { sampling: { alignment: "start" } },
    aligned: { retrieval: { embedding: "exact" } },
    quirks: { sampling: { quirks: ["lengthTo64", "seedAtEnd", "lateCaptions", "lastEnd"], videoSeconds: [2, 5] } },
  })) {
    const other = await run({ out: name, data: { ...data, ...change } });
    assert.not.equal(losses(other), losses(retrieval), name);
    assert.ok(losses(other).every(Number.isFinite));
  }
  assert.equal(losses(await run({ out: "workers", data: { ...data, workers: 2 } })), losses(retrieval));
});

test("every caption of a pack is an example", async () => {
  const { events, plan } = await run({ out: "captions", data: { captions: "pack", validation: "pack" } });
  assert.ok(losses({ events }).every(Number.isFinite));
  assert.ok(plan.examples > 64 && plan.examples <= 96);
  assert.is(events[2].evaluation!.queries, plan.examples);
});

test("kinds of loss: VideoCLIP's is the sum of both directions; CLIP's learns its temperature", async () => {
  const first = async (kind: string) => run({ out: `loss-${kind}`, loss: { kind } });
  const [both, t2v, v2t, clip] = [
    await first("videoclip"),
    await first("t2v"),
    await first("v2t"),
    await first("clip"),
  ];
  const at = (x: { events: { loss: number }[] }) => x.events[0].loss;
  assert.ok(Math.abs(at(both) - at(t2v) - at(v2t)) < 1e-5 * at(both));
  assert.not.equal(at(t2v), at(v2t));
  assert.ok(clip.model.includes("logit_scale") && !both.model.includes("logit_scale"));
});

test("activation checkpointing gives the same losses", async () => {
  const kept = await run({ out: "kept", dropout: 0.2 });
  assert.equal(losses(await run({ out: "again", dropout: 0.2, checkpointing: true })), losses(kept));
});

test("a batch in chunks gives the steps of the entire batch, also with a learned temperature; dropout is repeated", async () => {
  for (const kind of ["videoclip", "clip"]) {
    const whole = await run({ out: `whole-${kind}`, loss: { kind }, steps: 6 });
    for (const [chunk, checkpointing] of [
      [2, false],
      [3, true], // 8 rows: chunks of 2
      [50, false],
    ] as const) {
      const parts = await run({ out: `${kind}-${chunk}`, loss: { kind }, steps: 6, chunk, checkpointing });
      losses(parts).forEach((loss, i) =>
        assert.ok(Math.abs(loss - losses(whole)[i]) < 1e-3 * loss, `${kind} ${chunk}: ${loss}`),
      );
      assert.equal([...parts.model].sort(), [...whole.model].sort());
    }
  }
  const dropped = {
    steps: 4,
    chunk: 4,
    dropout: 0.3,
    optimizer: { kind: "sgd" },
    schedule: { kind: "constant", learningRate: 0.01 },
  };
  const once = await run({ out: "dropped", ...dropped });
  assert.equal(losses(await run({ out: "dropped-again", ...dropped, checkpointing: true })), losses(once));
  assert.not.equal(losses(await run({ out: "not-dropped", ...dropped, dropout: 0 })), losses(once));
});

test("unknown kinds of data, and keys of another kind, are refused", async () => {
  const refusedRun = (change: Record<string, unknown>, pattern: RegExp) =>
    refused(run({ out: "refused", ...change }), pattern);
  await refusedRun({ data: {} }, /data: expected one of train, captions and pack, received none/);
  await refusedRun({ data: { pack: "pack", captions: "pack" } }, /received captions and pack/);
  await refusedRun(
    { data: { captions: "pack", retrieval: false } },
    /data.retrieval: expected it beside data.pack alone/,
  );
  await refusedRun({ chunk: 4, accumulate: 2 }, /accumulate: expected 1 with chunk/);
  await refusedRun({ batch: 7 }, /batch: expected a multiple of data.pairsPerVideo, 2, received 7/);
  await refusedRun({ data: { ...base.data, sampling: { aligment: "exact" } } }, /aligment: unknown key; did you mean alignment/); // prettier-ignore
});

test.run();
