// Seeded damage to bytes and to JSON.

/** Whole numbers below a limit, by a seed: mulberry32. */
export function numbers(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
}
export type Next = (limit: number) => number;

const pick = <T>(list: readonly T[], next: Next): T => list[next(list.length)];
const WHOLE = [0, 1, 2, 7, 127, 128, 255, 256, 65535, 65536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53, -1];

/** Flips bits, changes bytes and integers, and cuts, repeats or swaps blocks or inserts blocks of another file. */
export function mutateBytes(source: Uint8Array, other: Uint8Array, next: Next): Buffer {
  const bytes = Buffer.from(source);
  const at = () => next(bytes.length + 1);
  // the header is damaged more often than data
  const spot = () => (next(2) ? next(Math.min(bytes.length, 1024)) : next(bytes.length));
  if (bytes.length === 0) return Buffer.from(other);
  switch (next(9)) {
    case 0:
      return bytes.subarray(0, at());
    case 1: {
      const [a, from] = [at(), next(other.length + 1)];
      return Buffer.concat([bytes.subarray(0, a), other.subarray(from, from + 1 + next(256)), bytes.subarray(a)]);
    }
    case 2: {
      const a = at();
      return Buffer.concat([bytes.subarray(0, a), bytes.subarray(Math.min(bytes.length, a + 1 + next(64)))]);
    }
    case 3: {
      const [a, size] = [at(), 1 + next(128)];
      return Buffer.concat([bytes.subarray(0, a + size), bytes.subarray(a)]);
    }
    case 4: {
      const [a, b, c] = [at(), at(), at()].sort((x, y) => x - y);
      return Buffer.concat([bytes.subarray(0, a), bytes.subarray(b, c), bytes.subarray(a, b), bytes.subarray(c)]);
    }
    case 5: {
      if (bytes.length < 8) return bytes;
      const place = Math.min(spot(), bytes.length - 8);
      const value = BigInt(pick(WHOLE, next));
      if (next(2)) bytes.writeBigUInt64LE(BigInt.asUintN(64, value), place);
      else bytes.writeUInt32LE(Number(BigInt.asUintN(32, value)), place);
      return bytes;
    }
    case 6: {
      for (let i = 1 + next(4); i > 0; i--) bytes[spot()] ^= 1 << next(8);
      return bytes;
    }
    default:
      for (let i = 1 + next(8); i > 0; i--) bytes[spot()] = next(3) ? next(256) : pick([0, 255, 127, 128], next);
      return bytes;
  }
}

const VALUES: unknown[] = [null, true, false, 0, -1, 1.5, 1e308, 2 ** 31, 2 ** 53, "", "x", "__proto__", "\u0000", "../x", [], {}, [[]], [0], [null], { a: 1 }]; // prettier-ignore
const KEYS = ["__proto__", "constructor", "toString", "", "length", "0", "\ud800"];

/** The text of a JSON value with one to three of its parts replaced, dropped, repeated or renamed. */
export function mutateJson(text: string, next: Next): string {
  const root = { value: JSON.parse(text) as unknown };
  for (let i = 1 + next(3); i > 0; i--) {
    changeOne(root, next);
    root.value = JSON.parse(JSON.stringify(root.value) ?? "null"); // shared parts become separate copies
  }
  return JSON.stringify(root.value);
}

function changeOne(root: object, next: Next): void {
  let parent = root as Record<string, unknown>;
  let key = "value";
  while (next(5)) {
    const inner = parent[key];
    if (typeof inner !== "object" || inner === null) break;
    const keys = Object.keys(inner);
    if (keys.length === 0) break;
    parent = inner as Record<string, unknown>;
    key = pick(keys, next);
  }
  const value = parent[key];
  switch (next(6)) {
    case 0:
      if (Array.isArray(parent)) parent.splice(Number(key), 1);
      else delete parent[key];
      return;
    case 1:
      if (Array.isArray(parent)) parent.push(structuredClone(value));
      else parent[pick(KEYS, next)] = structuredClone(value);
      return;
    case 2:
      if (typeof value === "number") parent[key] = value + pick([-1, 1, 0.5, 256, -value, 2 ** 31], next);
      else if (typeof value === "string") parent[key] = value.slice(0, next(value.length + 1));
      else if (typeof value === "boolean") parent[key] = !value;
      else parent[key] = structuredClone(pick(VALUES, next));
      return;
    case 3: {
      const to = pick(Object.keys(parent), next);
      [parent[key], parent[to]] = [parent[to], value];
      return;
    }
    default:
      parent[key] = structuredClone(pick(VALUES, next));
  }
}
