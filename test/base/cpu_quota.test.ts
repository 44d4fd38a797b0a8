// The CPU quota of a container is read from its control groups and those above them, in both versions.
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { cpuQuota, usableCores } from "#lib/base/cpu_quota.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("CPU quota");
const root = temporaryFolder("quota");
let cases = 0;

function quota(groups: string, files: Record<string, string>): number {
  const mount = join(root, `case-${cases++}`);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(mount, name)), { recursive: true });
    writeFileSync(join(mount, name), content);
  }
  return cpuQuota({ groups, mount });
}

test("version 2: the quota is the smallest of the group and of those above it", () => {
  const groups = "0::/system.slice/app.service\n";
  assert.is(quota(groups, {}), Infinity);
  assert.is(quota(groups, { "cpu.max": "max 100000\n" }), Infinity);
  assert.is(quota(groups, { "system.slice/app.service/cpu.max": "150000 100000\n" }), 1.5);
  assert.is(
    quota(groups, { "system.slice/cpu.max": "200000 100000", "system.slice/app.service/cpu.max": "max 100000" }),
    2,
  );
  assert.is(quota("0::/\n", { "cpu.max": "50000 100000\n" }), 0.5, "the root of a container");
  assert.is(quota("0::/../other\n", { "cpu.max": "50000 100000\n" }), 0.5, "a group outside of the visible tree");
});

test("version 1: quota and period are in separate files", () => {
  const groups = "12:memory:/docker/ab\n4:cpu,cpuacct:/docker/ab\n";
  const at = (folder: string, value: string) => ({
    [`${folder}/cpu.cfs_quota_us`]: value,
    [`${folder}/cpu.cfs_period_us`]: "100000\n",
  });
  assert.is(quota(groups, at("cpu,cpuacct/docker/ab", "300000\n")), 3);
  assert.is(quota(groups, at("cpu", "300000\n")), 3, "inside the container, and under the alternative name");
  assert.is(quota(groups, at("cpu,cpuacct", "-1\n")), Infinity);
  assert.is(quota("garbage\n4:cpuset:/\n", at("cpu", "100000")), Infinity);
});

test("threads are between one and the number of cores", () => {
  assert.ok(usableCores() >= 1 && usableCores() <= availableParallelism());
});

test.run();
