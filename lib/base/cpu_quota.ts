import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";

/** Where the files of control groups are; tests give another place. */
export interface CpuQuotaFiles {
  /** What `/proc/self/cgroup` says: a line `ID:CONTROLLERS:PATH` for each hierarchy. */
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

/** A group's folder and those above it; inside a container the group's own path may not be visible, and its root is it. */
function foldersOf(root: string, path: string): string[] {
  const folders: string[] = [];
  for (let at = path; ; at = dirname(at)) {
    folders.push(join(root, at));
    if (at === "/" || at === ".") return folders;
  }
}

/** Cores that one group's quota stands for; Infinity without one. */
function quotaOf(folder: string, version: 1 | 2): number {
  const [quota, period] =
    version === 2
      ? (read(join(folder, "cpu.max"))?.trim().split(/ +/) ?? [])
      : [read(join(folder, "cpu.cfs_quota_us")), read(join(folder, "cpu.cfs_period_us"))];
  const cores = number(quota) / number(period);
  return cores > 0 ? cores : Infinity; // "max" and -1 are no limit
}

/**
 * Cores that the control groups of this process allow (`docker --cpus`, Kubernetes' limits, systemd's CPUQuota): the smallest quota of
 * its group and of those above. Infinity where there is none, and on other systems than Linux.
 */
export function cpuQuota(files?: CpuQuotaFiles): number {
  const { groups = read("/proc/self/cgroup") ?? "", mount = "/sys/fs/cgroup" } = files ?? {};
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

/** Threads that can run at a time: the cores that this process may use, or fewer where a quota would make them wait. */
export const usableCores = (): number => Math.max(1, Math.min(availableParallelism(), Math.ceil(cpuQuota())));
