// The examples of docs/many_machines.md are valid: the compose file, the Kubernetes objects, the scripts, and every command line in them. The
// smallest one runs.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parse, parseAllDocuments } from "yaml";
import { z } from "zod";
import { makeVideos } from "../features/tiny_extraction.js";
import { failuresOf, recordsOf } from "../queue/queue_runs.js";
import { freePort, hasCommand } from "../support/queue_servers.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { commandMakers, complaintAbout } from "./command_tree.js";
import { parseMarkdown } from "./markdown.js";
import { makeShims } from "./shims.js";

const test = suite("examples of many machines");
const root = resolve(".");
const folder = "examples/many_machines";
const temporary = temporaryFolder("many-machines");
const makers = await commandMakers(root);
const files = readdirSync(folder, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name))
  .sort();
const text = (path: string) => readFileSync(path, "utf8");
const scripts = files.filter((path) => path.endsWith(".sh"));
const manifests = files.filter((path) => path.startsWith(join(folder, "kubernetes")));

interface Container {
  name: string;
  image: string;
  args?: string[];
}
interface KubernetesObject {
  apiVersion: string;
  kind: string;
  spec: {
    completions?: number;
    template?: { spec: { containers: Container[]; terminationGracePeriodSeconds?: number } };
  };
}
const objects = (path: string): KubernetesObject[] => parseAllDocuments(text(path)).map((one) => one.toJS());
const compose = parse(text(join(folder, "compose.yaml")), { merge: true }) as {
  services: Record<string, { image: string; command: string[]; stop_grace_period?: string }>;
};

/** The value of an option, as a number. */
const numberOf = (option: string, words: readonly string[]): number =>
  Number(new RegExp(`${option}[ =](\\d+)`).exec(words.join(" "))?.[1]);

test("docker-compose accepts the compose file", () => {
  if (!hasCommand("docker-compose")) return console.log("SKIP: docker-compose is not installed");
  const run = spawnSync("docker-compose", ["-f", join(folder, "compose.yaml"), "config"], { encoding: "utf8" });
  assert.is(run.status, 0, run.stderr);
});

// the description of Kubernetes names every field of an object; a misspelt one is refused
const { kinds, $defs } = JSON.parse(text("test/fixtures/kubernetes/schema.json"));

/** What is wrong with an object; empty if nothing is. */
function faultsOf(object: KubernetesObject): string[] {
  const name = kinds[`${object.apiVersion} ${object.kind}`];
  if (!name) return [`test/fixtures/kubernetes/schema.json has no ${object.apiVersion} ${object.kind}`];
  const { success, error } = z.fromJSONSchema({ $ref: `#/$defs/${name}`, $defs }).safeParse(object);
  return success ? [] : error!.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
}

for (const path of manifests) {
  test(`${path}: its objects are those of Kubernetes`, () => {
    const all = objects(path);
    assert.ok(all.length > 0);
    for (const object of all) assert.equal(faultsOf(object), [], object.kind);
  });
}

test("unknown fields, wrong types and missing fields of objects are found", () => {
  const [job] = objects(join(folder, "kubernetes/workers.yaml"));
  const { template } = job.spec;
  const broken = (spec: object) => faultsOf({ ...job, spec: spec as KubernetesObject["spec"] }).join("\n");
  assert.match(broken({ ...job.spec, paralelism: 8 }), /paralelism/);
  assert.match(broken({ ...job.spec, parallelism: "8" }), /spec\.parallelism/);
  assert.match(broken({ parallelism: 8 }), /spec\.template/);
  assert.match(broken({ template: { spec: { ...template!.spec, restartPolice: "Never" } } }), /restartPolice/);
  const [container] = template!.spec.containers;
  const unnamed = { ...container, name: undefined };
  assert.match(broken({ template: { spec: { containers: [unnamed] } } }), /containers\.0\.name/);
});

for (const path of scripts) {
  test(`${path}: bash reads it, and shellcheck finds nothing`, () => {
    const { status, stderr } = spawnSync("bash", ["-n", path], { encoding: "utf8" });
    assert.is(status, 0, stderr);
    if (!hasCommand("shellcheck")) return console.log("SKIP: shellcheck is not installed");
    const checked = spawnSync("shellcheck", [path], { encoding: "utf8" });
    assert.is(checked.status, 0, checked.stdout);
  });
}

/** The words behind every `videoclip` of a text, also in comments; each variable and substitution is one word. */
function commandsIn(source: string): string[][] {
  const lines = source.replaceAll(/\\\n#?/g, " ").split("\n");
  return lines.flatMap((line) => {
    const found = /(?:^|[ (`])videoclip ((?:queue|work|extract|features|index|convert|doctor) [^`]*)/.exec(line);
    if (!found) return [];
    const plain = found[1]
      .replaceAll('"$@"', "")
      .replaceAll(/"[^"]*\$\((?:[^()]*)\)"|"[^"]*"|\$\([^)]*\)/g, "1")
      .replace(/ [&|#>].*$|&&.*$/, "");
    return [plain.trim().split(/\s+/)];
  });
}

const isWrong = (words: readonly string[]): string[] => {
  const complaint = complaintAbout(makers, words);
  return complaint === undefined ? [] : [`videoclip ${words.join(" ")}: ${complaint}`];
};

test("every command line in the examples and in the document parses", () => {
  const { blocks } = parseMarkdown("m.md", text("docs/many_machines.md"));
  const sources = [...files.map(text), ...blocks.filter(({ language }) => language === "sh").map((one) => one.text)];
  const containers = manifests.flatMap((path) =>
    objects(path).flatMap(({ spec }) => spec.template?.spec.containers ?? []),
  );
  const commands = [
    ...sources.flatMap(commandsIn),
    ...containers.filter(({ image }) => image === "videoclip-worker").map(({ args }) => args ?? []),
    ...Object.values(compose.services).filter(({ image }) => image === "videoclip-worker").map(({ command }) => command), // prettier-ignore
  ];
  assert.ok(commands.length > 15, `${commands.length} command lines`);
  assert.equal(commands.flatMap(isWrong), []);
  assert.is(isWrong(["work", "--run", "1", "--graze", "3"]).length, 1);
});

test("workers get more time to end than their --grace", () => {
  const { command, stop_grace_period } = compose.services.work;
  assert.ok(parseInt(stop_grace_period!) > numberOf("--grace", command));
  const [job] = objects(join(folder, "kubernetes/workers.yaml"));
  const { containers, terminationGracePeriodSeconds } = job.spec.template!.spec;
  assert.ok(terminationGracePeriodSeconds! > numberOf("--grace", containers[0].args!));
  const slurm = text(join(folder, "slurm/workers.sh"));
  assert.ok(Number(/--signal=TERM@(\d+)/.exec(slurm)![1]) > numberOf("--grace", [slurm.slice(slurm.indexOf("srun"))]));
});

test("the number of shards is the number of pods", () => {
  const [job] = objects(join(folder, "kubernetes/indexed_job.yaml"));
  const [{ args }] = job.spec.template!.spec.containers;
  assert.ok(args!.includes(`--shard=auto/${job.spec.completions}`));
});

test("Redis keeps its jobs on the disk and drops none, in every example that starts a lasting one", () => {
  for (const path of [join(folder, "compose.yaml"), join(folder, "kubernetes/redis.yaml")]) {
    assert.match(text(path), /"--appendonly", "yes", "--maxmemory-policy", "noeviction"/, path);
  }
  assert.match(text(join(folder, "slurm/workers.sh")), /appendonly yes\nmaxmemory-policy noeviction\n/);
});

test("YAML in the document is a part of an example", () => {
  const { blocks } = parseMarkdown("m.md", text("docs/many_machines.md"));
  const flat = (source: string) => source.split("\n").map((line) => line.trim()).filter(Boolean).join("\n"); // prettier-ignore
  const all = files.map((path) => flat(text(path)));
  for (const { language, text: part, line } of blocks.filter(({ language }) => language === "yaml"))
    assert.ok(all.some((one) => one.includes(flat(part))), `${language} at line ${line}`); // prettier-ignore
});

test("the document links to every example", () => {
  const document = text("docs/many_machines.md");
  const unnamed = files.filter((path) => !document.includes(`../${path}`));
  assert.equal(unnamed, []);
});

test("two workers on one machine share an extraction", async () => {
  if (!hasCommand("redis-server")) return console.log("SKIP: redis-server is not installed");
  const [videos, run] = [join(temporary, "videos"), join(temporary, "features")];
  const paths = await makeVideos(videos, ["a.mp4", "b.mp4", "c.mp4", "d.mp4"]);
  const bin = makeShims(root, temporary);
  const options = ["--model", "s3d-tiny", "--preset", "shapes", "--random-weights", "1"];
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH}`, PORT: String(await freePort()) };
  const script = join(root, folder, "two_workers.sh");
  const { status, stdout, stderr } = spawnSync("bash", [script, videos, run, ...options], { encoding: "utf8", env });
  assert.is(status, 0, stderr);
  assert.match(stdout, /^4 of 4 videos done, 0 failed, 0 left$/m);
  assert.equal([...recordsOf(run).keys()].sort(), paths);
  assert.equal([...failuresOf(run)], []);
});

test.run();
