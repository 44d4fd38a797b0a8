// The two 16-bit floats: IEEE half (f16) and bfloat16 (bf16), the upper half of a float32.
const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** The 32 bits of the float32 nearest to x. */
function bitsOf(x: number): number {
  float[0] = x;
  return bits[0];
}

/** Value of a float32 with these 32 bits. */
export function fromBits(u: number): number {
  bits[0] = u;
  return float[0];
}

/** The bf16 nearest to a float32 (ties to even), as its 16 bits. NaN stays NaN. */
export function toBfloat16(x: number): number {
  const u = bitsOf(x);
  return (u & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : ((u + 0x7fff + ((u >>> 16) & 1)) >>> 16) & 0xffff;
}

/** x rounded to bf16. */
export const roundBfloat16 = (x: number): number => fromBits(toBfloat16(x) << 16);

/** IEEE half to float32. */
export function halfToFloat(h: number): number {
  const sign = h & 0x8000 ? -1 : 1;
  const exponent = (h >> 10) & 31;
  const fraction = h & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
}

let halves: Float32Array | undefined;

/** The values of all halves, indexed by their bits. */
export function halfValues(): Float32Array {
  return (halves ??= Float32Array.from({ length: 1 << 16 }, (_, bits) => halfToFloat(bits)));
}

/** float32 to IEEE half, rounded to nearest even. */
export function floatToHalf(x: number): number {
  const u = bitsOf(x);
  const sign = (u >>> 16) & 0x8000;
  const magnitude = u & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00; // rounds to infinity
  if (magnitude < 0x33000001) return sign; // at most half of the smallest subnormal
  if (magnitude < 0x38800000) {
    const shift = 126 - (magnitude >>> 23);
    const fraction = (magnitude & 0x7fffff) | 0x800000;
    const half = fraction >>> shift;
    const rest = fraction & ((1 << shift) - 1);
    const middle = 1 << (shift - 1);
    return sign | (half + (rest > middle || (rest === middle && half & 1) ? 1 : 0));
  }
  const rounded = magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1);
  return sign | (rounded >>> 13);
}
