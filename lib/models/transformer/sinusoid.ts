import { InvalidArgumentError } from "../../base/errors.js";

/**
 * Column order of sinusoidal positions. `paper`: sin and cos in turn, wavelength exponents 2i / d (Vaswani et al. 2017,
 * section 3.5). `tensor2tensor`: all sin, then all cos; exponents i / (d/2 - 1), so that the longest wavelength is
 * reached exactly. `marian`: all sin, then all cos, with the paper's exponents (Hugging Face's Marian).
 */
export type SinusoidLayout = "paper" | "tensor2tensor" | "marian";

const LAYOUTS: readonly SinusoidLayout[] = ["paper", "tensor2tensor", "marian"];

/**
 * Position encodings.
 * @param width columns, an even number
 * @param first position of the first row
 * @returns f32 `[rows, width]`
 */
export function sinusoids(layout: SinusoidLayout, rows: number, width: number, first = 0): Float32Array {
  if (!LAYOUTS.includes(layout)) {
    throw new InvalidArgumentError(`positions: expected one of ${LAYOUTS.join(", ")}, received ${String(layout)}`, {
      argument: "positions",
      received: layout,
    });
  }
  if (!Number.isInteger(width) || width < 2 || width % 2) {
    throw new InvalidArgumentError(`width: expected an even number of columns, received ${width}`, {
      argument: "width",
      received: width,
    });
  }
  const half = width / 2;
  const table = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < half; i++) {
      const exponent = layout === "tensor2tensor" ? i / Math.max(half - 1, 1) : (2 * i) / width;
      const angle = (first + row) / 10000 ** exponent;
      const [sin, cos] = layout === "paper" ? [2 * i, 2 * i + 1] : [i, half + i];
      table[row * width + sin] = Math.sin(angle);
      table[row * width + cos] = Math.cos(angle);
    }
  }
  return table;
}
