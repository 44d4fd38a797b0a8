const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** The bf16 nearest to a float32 (ties to even), as its 16 bits. NaN stays NaN. */
export function toBfloat16(x: number): number {
  float[0] = x;
  const u = bits[0];
  return (u & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : ((u + 0x7fff + ((u >>> 16) & 1)) >>> 16) & 0xffff;
}

/** Value of a float32 with these 32 bits. */
export function fromBits(u: number): number {
  bits[0] = u;
  return float[0];
}

/** `x` rounded to bf16. */
export const roundBfloat16 = (x: number): number => fromBits(toBfloat16(x) << 16);
