import { hostname } from "node:os";
import { InvalidArgumentError } from "../base/errors.js";
import { FeatureStore } from "../features/store.js";
import type { TakeLockOptions } from "../features/lock.js";

/** Workers of one machine that are tried. */
const MAX_WORKERS = 1024;
const NAME = /^[\w-]{1,64}$/;

/**
 * Opens the part of a results folder that a worker writes: `manifest.worker-NAME.jsonl`. Without a name it is the first
 * of `HOST-0`, `HOST-1`, … that no living worker has, so that a worker that starts again goes on with its part.
 * @throws InvalidArgumentError for a name that another worker has, or that is no name; VideoClipError `ERR_WRITE`
 */
export async function openWorkerStore(
  folder: string,
  name: string | undefined,
  waiting: TakeLockOptions = {},
): Promise<FeatureStore> {
  if (name !== undefined && !NAME.test(name)) {
    throw new InvalidArgumentError(`name: expected up to 64 letters, digits, _ and -, received ${name}`, {
      argument: "name",
      received: name,
    });
  }
  const open = (one: string) => FeatureStore.open(folder, `.worker-${one}`, waiting);
  if (name !== undefined) return open(name);
  const host = hostname().replace(/[^\w-]/g, "_").slice(0, 48) || "worker"; // prettier-ignore
  for (let i = 0; ; i++) {
    try {
      return await open(`${host}-${i}`);
    } catch (error) {
      if (!(error instanceof InvalidArgumentError) || i === MAX_WORKERS) throw error;
    }
  }
}
