import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { controlGroups } from "./proc.js";

/** Paths of the files of control groups; tests use others. */
export interface CpuQuotaFiles {
  /** See `controlGroups`. */
  groups: string;
  /** Where the hierarchies are mounted. */
  mount: string;
}

const number = (text: string | undefined): number => (text === undefined ? NaN : Number(text.trim()));

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined;
  }
}

/**
 * The folders of a group and its parents. In a container the group's path may not exist; its root is then the group.
 */
function foldersOf(root: string, path: string): string[] {
  const folders: string[] = [];
  for (let at = path; ; at = dirname(at)) {
    folders.push(join(root, at));
    if (at === "/" || at === ".") return folders;
  }
}

/** Number of cores by one group's quota; Infinity without one. */
function quotaOf(folder: string, version: 1 | 2): number {
  const [quota, period] =
    version === 2
      ? (read(join(folder, "cpu.max"))?.trim().split(/ +/) ?? [])
      : [read(join(folder, "cpu.cfs_quota_us")), read(join(folder, "cpu.cfs_period_us"))];
  const cores = number(quota) / number(period);
  return cores > 0 ? cores : Infinity; // "max" and -1 mean no limit
}

/**
 * Number of cores that the control groups of this process allow (`docker --cpus`, Kubernetes' limits, systemd's
 * CPUQuota): the smallest quota of its group and the parents. Infinity if there is none, and on other systems than
 * Linux.
 */
export function cpuQuota(files?: CpuQuotaFiles): number {
  const { groups = controlGroups() ?? "", mount = "/sys/fs/cgroup" } = files ?? {};
  let least = Infinity;
  for (const line of groups.split("\n")) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (path === undefined) continue;
    if (controllers === "") {
      for (const folder of foldersOf(mount, path)) least = Math.min(least, quotaOf(folder, 2));
    } else if (controllers.split(",").includes("cpu")) {
      for (const name of new Set([controllers, "cpu", "cpu,cpuacct"]))
        for (const folder of foldersOf(join(mount, name), path)) least = Math.min(least, quotaOf(folder, 1));
    }
  }
  return least;
}

/** Threads that can run at the same time: the cores of this process, or fewer by a quota. */
export const usableCores = (): number => Math.max(1, Math.min(availableParallelism(), Math.ceil(cpuQuota())));
