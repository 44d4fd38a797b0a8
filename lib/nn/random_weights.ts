/**
 * Deterministic weights that depend only on a salt, key and shape, for tests and for trying a model without a weight
 * file.
 */

function fnv1a(text: string): number {
  let h = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) h = Math.imul(h ^ byte, 0x01000193);
  return h >>> 0;
}

/** `count` values in [-1, 1]: MurmurHash3's finaliser over (FNV-1a of salt + name, index), rounded to float32 once. */
export function hashValues(salt: string, name: string, count: number): Float32Array {
  const seed = fnv1a(salt + name);
  const out = new Float32Array(count);
  for (let i = 0; i < count; i++) out[i] = hashValue(seed, i);
  return out;
}

function hashValue(seed: number, i: number): number {
  let h = (seed ^ Math.imul(i, 0x9e3779b1)) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (((h ^ (h >>> 16)) >>> 0) / 4294967296) * 2 - 1;
}

/** One value by salt, name and index; see {@link hashValues}. */
export function hashValueOf(salt: string, name: string, i: number): number {
  return Math.fround(hashValue(fnv1a(salt + name), i));
}

/**
 * A parameter by its state-dict key: variances and norm weights about 1, biases small, everything else uniform with
 * variance 2 / fan-in (convolutions) or 1 / fan-in (matrices).
 */
export function hashParameter(salt: string, key: string, shape: readonly number[], factor = 1): Float32Array {
  const count = shape.reduce((a, b) => a * b, 1);
  if (key.endsWith("num_batches_tracked")) return new Float32Array(count);
  const v = hashValues(salt, key, count);
  const fanIn = shape.slice(1).reduce((a, b) => a * b, 1);
  const bound = Math.sqrt((shape.length >= 3 ? 6 : 3) / fanIn);
  const rule = key.endsWith("running_var")
    ? (x: number) => 1 + 0.5 * x
    : shape.length === 1 && /(weight|gamma)$/.test(key)
      ? (x: number) => 1 + 0.1 * x
      : shape.length <= 1
        ? (x: number) => 0.1 * x
        : (x: number) => x * bound;
  for (let i = 0; i < count; i++) v[i] = Math.fround(rule(v[i])) * factor;
  return v;
}

/** `count` normal values of the given deviation: the Box-Muller transform of {@link hashValues}. */
export function hashNormal(salt: string, name: string, count: number, deviation: number): Float32Array {
  const u = hashValues(salt, name, 2 * count);
  return Float32Array.from({ length: count }, (_, i) => {
    const radius = Math.sqrt(-2 * Math.log(Math.max((u[2 * i] + 1) / 2, 2 ** -32)));
    return deviation * radius * Math.cos(Math.PI * u[2 * i + 1]);
  });
}
