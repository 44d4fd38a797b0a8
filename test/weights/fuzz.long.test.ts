// 10,000 seeded mutations of weight and array files load or cause an error with a position; no crash, no hang, little
// memory.
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deflateRawSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { WeightsError } from "#lib/base/errors.js";
import { type StoredTensor, type Tree } from "#lib/weights/index.js";
import { readTree } from "#lib/weights/open_weights.js";
import { npyBytes } from "#lib/weights/npy.js";
import { readNpy, readNpz } from "#lib/weights/read_npy.js";
import { ByteFile } from "#lib/weights/byte_file.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("fuzz");
const ROUNDS = 10_000;
const LIMIT_BYTES = 64 << 20;
const folder = "test/fixtures/containers";

/** A small generator with a separate seed, so that a failure can be repeated. */
function random(seed: number) {
  let state = seed >>> 0;
  return (limit: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

function npz(entries: [string, Uint8Array, boolean][]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const [name, data, deflate] of entries) {
    const body = deflate ? deflateRawSync(data) : Buffer.from(data);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    for (const [header, shift] of [
      [local, 8],
      [central, 10],
    ] as const) {
      header.writeUInt16LE(deflate ? 8 : 0, shift);
      header.writeUInt32LE(body.length, shift + 10);
      header.writeUInt32LE(data.length, shift + 14);
      header.writeUInt16LE(name.length, shift + 18);
    }
    central.writeUInt32LE(at, 42);
    parts.push(local, Buffer.from(name), body);
    directory.push(central, Buffer.from(name));
    at += 30 + name.length + body.length;
  }
  const end = Buffer.alloc(22);
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(size, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, ...directory, end]);
}

function mutate(source: Buffer, other: Buffer, next: (limit: number) => number): Buffer {
  const bytes = Buffer.from(source);
  switch (next(5)) {
    case 0:
      return bytes.subarray(0, next(bytes.length + 1));
    case 1: {
      const at = next(bytes.length + 1);
      return Buffer.concat([bytes.subarray(0, at), other.subarray(next(other.length + 1)), bytes.subarray(at)]);
    }
    case 2: {
      const at = next(bytes.length + 1);
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + 1 + next(16)))]);
    }
    default:
      for (let i = 1 + next(8); i > 0 && bytes.length > 0; i--) {
        bytes[next(bytes.length)] = next(3) === 0 ? [0, 255, 127, 128][next(4)] : next(256);
      }
      return bytes;
  }
}

function readAll(value: Tree, seen = new Set<Tree>()): void {
  if (typeof value !== "object" || value === null || seen.has(value)) return;
  seen.add(value);
  if (value instanceof Map) for (const item of value.values()) readAll(item, seen);
  else if (Array.isArray(value)) for (const item of value) readAll(item, seen);
  else (value as StoredTensor).read();
}

test("the unchanged npy and npz files load", () => {
  const path = join(temporaryFolder("fuzz"), "x.npz");
  const array = npyBytes(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3], "f32");
  writeFileSync(path, npz([["a.npy", array, true], ["b.npy", array, false]])); // prettier-ignore
  const file = new ByteFile(path);
  const arrays = readNpz(file);
  assert.equal([...arrays.keys()], ["a", "b"]);
  for (const { shape, data } of arrays.values())
    assert.equal(
      [shape, [...data]],
      [
        [2, 3],
        [1, 2, 3, 4, 5, 6],
      ],
    );
  file.close();
});

test(`${ROUNDS} mutated files`, () => {
  const next = random(20240611);
  const checkpoints = readdirSync(folder)
    .filter((name) => name !== "manifest.json")
    .map((name) => readFileSync(join(folder, name)))
    .filter((bytes) => bytes.length > 0 && bytes.length < 200_000);
  const array = npyBytes(
    Float32Array.from({ length: 120 }, (_, i) => i),
    [10, 12],
    "f16",
  );
  const arrays = [Buffer.from(array), npz([["a.npy", array, true], ["b.npy", array, false]])]; // prettier-ignore
  const work = temporaryFolder("fuzz");
  const path = join(work, "file");
  const before = process.resourceUsage().maxRSS * 1024;
  let loaded = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const pool = next(3) === 0 ? arrays : checkpoints;
    const which = next(pool.length);
    const bytes = mutate(pool[which], pool[next(pool.length)], next);
    writeFileSync(path, bytes);
    const started = Date.now();
    const file = new ByteFile(path);
    try {
      if (pool === checkpoints) readAll(readTree(file).root);
      else if (which === 0) readNpy(file);
      else readNpz(file);
      loaded++;
    } catch (error) {
      assert.instance(error, WeightsError, `round ${round}: ${error instanceof Error ? error.stack : error}`);
    } finally {
      file.close();
    }
    assert.ok(Date.now() - started < 5000, `round ${round} took too long`);
  }
  rmSync(work, { recursive: true });
  const grown = process.resourceUsage().maxRSS * 1024 - before;
  assert.ok(grown < LIMIT_BYTES, `peak memory grew by ${grown} bytes`);
  assert.ok(loaded > 0 && loaded < ROUNDS, `${loaded} loaded`);
});

test.run();
