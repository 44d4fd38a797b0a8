// PyTorch's times come case by case, and a case that hangs does not take the others with it.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { SMALL_CASES } from "../../bench/gpu/cases.js";
import { measureTorch, NoTorchError } from "../../bench/gpu/torch.js";

const test = suite("PyTorch beside the GPU bench");
const folder = mkdtempSync(join(tmpdir(), "videoclip-torch-"));
test.after(() => rmSync(folder, { recursive: true }));

/** A stand-in for python3: reads the request and runs `body` with it. */
function python(body: string): string {
  const file = join(folder, "python3");
  const read = 'const { cases } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));';
  const say = "const say = (line) => process.stdout.write(JSON.stringify(line) + '\\n');";
  writeFileSync(file, `#!${process.execPath}\n${read}${say}${body}\n`);
  chmodSync(file, 0o755);
  return file;
}

async function run(body: string): Promise<Map<string, unknown>> {
  const got = new Map<string, unknown>();
  const options = { mode: "eager", runs: 1, device: "cpu", limit: 1, python: python(body) } as const;
  await measureTorch(SMALL_CASES, options, (c, times) => void got.set(c.bench, times));
  return got;
}

test("a case that hangs has an error, and the others have their times", async () => {
  const got = await run(`
    say({ torch: "1" });
    for (const { kind } of cases) {
      if (kind === "attention") { setInterval(() => {}, 1000); return; }
      say({ eager: 1 });
    }`);
  assert.equal(
    [...got.keys()],
    SMALL_CASES.map(({ bench }) => bench),
  );
  assert.equal(got.get("attention"), { error: "no answer within 1 s" });
  for (const bench of ["pool", "contrastive", "topk"]) assert.equal(got.get(bench), { eager: 1 });
});

test("a case that ends the process has an error, and the others have their times", async () => {
  const got = await run(`
    say({ torch: "1" });
    for (const { kind } of cases) {
      if (kind === "pool") { console.error("terminate called"); process.exit(134); }
      say({ eager: 1 });
    }`);
  assert.equal(got.get("pool"), { error: "exit code 134: terminate called" });
  for (const bench of ["attention", "contrastive", "topk"]) assert.equal(got.get(bench), { eager: 1 });
});

async function failure(body: string): Promise<Error> {
  return run(body).then(
    () => assert.unreachable("must reject"),
    (error) => error,
  ) as Promise<Error>;
}

test("a missing torch is no failure, a python3 that hangs at its start is one", async () => {
  const missing = await failure(`console.error("No module named 'torch'"); process.exit(1);`);
  assert.instance(missing, NoTorchError);
  assert.match(missing.message, /No module named 'torch'/);
  const hanging = await failure("setInterval(() => {}, 1000);");
  assert.not.instance(hanging, NoTorchError);
  assert.match(hanging.message, /no answer within 3 s/);
});

test.run();
