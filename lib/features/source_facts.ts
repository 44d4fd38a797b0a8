import { createHash } from "node:crypto";
import { open, stat } from "node:fs/promises";
import { isRemote } from "../base/addresses.js";
import type { SourceFacts } from "../records/feature_manifest.js";
import { hashFile } from "../data/pack.js";

/** Size and number of the parts of a file that are hashed. */
const PART = 1 << 14;
const PARTS = 16;

/** Size and modification time of a file; undefined if there is none. */
export async function sourceFacts(path: string): Promise<SourceFacts | undefined> {
  const info = await stat(path).catch(() => undefined);
  return info && { bytes: info.size, modified: Math.round(info.mtimeMs) };
}

/**
 * Adds hashes of the content of a file: of parts spread over it and, on request, of all of it.
 * @param whole also hash all of it
 */
export async function withContent(path: string, facts: SourceFacts, whole: boolean): Promise<SourceFacts> {
  const [sample, sha256] = await Promise.all([
    sampleHash(path, facts.bytes).catch(() => undefined),
    whole ? hashFile(path).catch(() => undefined) : undefined,
  ]);
  return { ...facts, ...(sample ? { sample } : {}), ...(sha256 ? { sha256 } : {}) };
}

/**
 * Whether a file is unchanged since its features were extracted, by size and time, or by the recorded content if only
 * the time differs. An object is unchanged if its entity tag is, or its time where there is no tag.
 */
export async function isUnchanged(path: string, before: SourceFacts, now: SourceFacts): Promise<boolean> {
  if (before.bytes !== now.bytes) return false;
  if (isRemote(path)) {
    const [a, b] = before.etag !== undefined && now.etag !== undefined ? [before.etag, now.etag] : [before.modified, now.modified]; // prettier-ignore
    return a === b;
  }
  return before.modified === now.modified || (before.sha256 !== undefined && before.sha256 === (await hashFile(path)));
}

/** Whether a file has the content of a file that was at another path. */
export async function hasContentOf(path: string, before: SourceFacts, now: SourceFacts): Promise<boolean> {
  if (before.bytes !== now.bytes) return false;
  if (before.sha256 !== undefined) return before.sha256 === (await hashFile(path));
  return before.sample !== undefined && before.sample === (await sampleHash(path, now.bytes));
}

async function sampleHash(path: string, bytes: number): Promise<string> {
  const hash = createHash("sha256");
  const file = await open(path, "r");
  try {
    const part = Buffer.alloc(Math.min(bytes, bytes <= PART * PARTS ? bytes : PART));
    const count = part.length === 0 ? 0 : bytes <= part.length ? 1 : PARTS;
    for (let i = 0; i < count; i++) {
      const at = count === 1 ? 0 : Math.floor(((bytes - PART) * i) / (count - 1));
      const { bytesRead } = await file.read(part, 0, part.length, at);
      hash.update(part.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
  return hash.digest("hex").slice(0, 32);
}
