import type { ObjectFacts, ObjectStore } from "../../storage/object_store.js";
import { download } from "../../storage/download.js";
import { Retries, type RetryOptions } from "../../storage/retry.js";
import { StorageError, storageErrorOf } from "../../storage/storage_error.js";

/**
 * The objects below a prefix of a bucket. Writes do not follow a signal, because what was finished is saved also after a
 * run was interrupted.
 */
export class BucketObjects {
  readonly #retries: Retries;

  /**
   * @param bucket for messages
   * @param prefix empty, or with a slash at its end
   */
  constructor(
    readonly store: ObjectStore,
    readonly bucket: string,
    readonly prefix: string,
    readonly retry: RetryOptions = {},
  ) {
    this.#retries = new Retries(retry);
  }

  /** `s3://bucket/prefix/name` */
  address(name = ""): string {
    return `s3://${this.bucket}/${this.prefix}${name}`;
  }

  /** Objects in this folder, but not in folders below it, whose names have a beginning. @throws StorageError */
  async list(beginning: string, signal?: AbortSignal): Promise<(ObjectFacts & { name: string })[]> {
    const found: (ObjectFacts & { name: string })[] = [];
    try {
      for await (const facts of this.store.list(this.prefix + beginning, { signal })) {
        const name = facts.key.slice(this.prefix.length);
        if (!name.includes("/")) found.push({ ...facts, name });
      }
    } catch (cause) {
      signal?.throwIfAborted();
      const error = storageErrorOf(this.address(), cause);
      throw new StorageError("unavailable", error.message, { ...error.details, cause });
    }
    return found;
  }

  /** Downloads an object into a file. @throws StorageError; the signal's reason */
  async read(name: string, path: string, signal?: AbortSignal): Promise<void> {
    const source = {
      address: this.address(name),
      get: (options: object) => this.store.get(this.prefix + name, options),
    };
    await download(source, path, { limit: Infinity, retry: this.retry, signal });
  }

  /**
   * Writes an object unless there is one of its name.
   * @returns whether the object has this content now
   * @throws StorageError
   */
  async create(name: string, bytes: Uint8Array): Promise<boolean> {
    if (await this.createNew(name, bytes)) return true;
    return this.#again(name, async () => {
      const parts: Uint8Array[] = [];
      for await (const part of (await this.store.get(this.prefix + name)).body) parts.push(part);
      return Buffer.concat(parts).equals(bytes); // the answer to an earlier attempt may have been lost
    });
  }

  /** As {@link create}. @returns false if there was an object, with whatever content */
  async createNew(name: string, bytes: Uint8Array): Promise<boolean> {
    try {
      await this.#again(name, () => this.store.put(this.prefix + name, bytes, { ifNoneMatch: true }));
      return true;
    } catch (error) {
      if (error instanceof StorageError && ["exists", "changed"].includes(error.fault)) return false;
      throw error;
    }
  }

  /** Writes an object, also in the place of another one. @throws StorageError */
  async replace(name: string, bytes: Uint8Array): Promise<void> {
    await this.#again(name, () => this.store.put(this.prefix + name, bytes));
  }

  /** Removes an object, if that is allowed. @returns whether it is gone */
  async remove(name: string): Promise<boolean> {
    return this.store.delete(this.prefix + name).then(() => true, () => false); // prettier-ignore
  }

  /** Makes a call of a client that does not repeat it itself again after errors of the network. */
  async #again<T>(name: string, call: () => Promise<T>): Promise<T> {
    for (let failed = 1; ; failed++) {
      try {
        return await call();
      } catch (cause) {
        const error = storageErrorOf(this.address(name), cause);
        if (error.fault !== "interrupted") throw error;
        if (failed >= this.#retries.attempts) throw new StorageError("unavailable", error.message, { ...error.details, cause }); // prettier-ignore
      }
      await this.#retries.wait(failed);
    }
  }
}
