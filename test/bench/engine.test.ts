// An engine that does not answer, or that cannot run a case, does not stop a bench.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { BENCHES } from "../../bench/cases/index.js";
import { encodingOf } from "../../bench/extract.js";
import { checkoutEngine, Engine } from "../../bench/harness/engine.js";
import type { Job } from "../../bench/harness/spec.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("bench engines");
const job: Job = { spec: BENCHES.pool.cases[0].spec, threads: 1, precision: "f32" };

/** The message of an engine whose script is `body`, asked to build a case. */
async function messageOf(body: string, limit?: number): Promise<string> {
  const folder = temporaryFolder("engine");
  mkdirSync(join(folder, "bench/engines"), { recursive: true });
  writeFileSync(join(folder, "bench/engines/videoclip.ts"), body);
  const engine = new Engine(checkoutEngine(folder), 1, limit);
  try {
    await engine.build(job);
    return "ready";
  } catch (error) {
    return (error as Error).message;
  } finally {
    engine.stop();
  }
}

test("the reason of an engine that cannot run a case", async () => {
  assert.is(await messageOf(`process.stdin.once("data", () => console.log('{"error":"no compiler"}'))`), "no compiler");
  assert.match(await messageOf(`process.exit(0)`), /ended$/);
});

test("an engine that does not answer is stopped", async () => {
  assert.match(await messageOf(`setInterval(() => undefined, 1000)`, 0.3), /gave no answer within 0.3 s$/);
});

test("no two cases have the same name, and PyTorch is compiled wherever it is measured", () => {
  const cases = Object.values(BENCHES).flatMap((bench) => bench.cases);
  assert.is(new Set(cases.map(({ name }) => name)).size, cases.length);
  for (const { name, peers, precision } of cases) {
    assert.is(peers.includes("torch-compile"), peers.includes("torch"), name);
    if (precision === "bf16") assert.not(peers.includes("onnxruntime"), name); // it computes in f32, and its name says so
  }
});

test("the encoder of an extraction is checked before videos are made", () => {
  const encoding = { threads: 2, model: "s3dg", precision: "bf16" };
  assert.equal(encodingOf(encoding), encoding);
  assert.throws(() => encodingOf({ ...encoding, model: "s3e" }), /--model: expected one of s3d, s3dg, .*received s3e/);
  assert.throws(() => encodingOf({ ...encoding, precision: "f16" }), /--precision: expected f32 or bf16, received f16/);
});

test.run();
