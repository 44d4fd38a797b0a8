/** Maximum rows and columns of a picture of a matrix; a larger matrix is averaged over blocks. */
const MAX_SIDE = 256;

/** A matrix as a BMP file, coloured from its lowest value (dark blue) to its highest (yellow). */
export function matrixBitmap(values: ArrayLike<number>, [rows, columns]: readonly [number, number]): Uint8Array {
  const [height, width] = [Math.min(rows, MAX_SIDE), Math.min(columns, MAX_SIDE)];
  const cells = new Float64Array(height * width);
  const counts = new Int32Array(height * width);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const at = Math.floor((r * height) / rows) * width + Math.floor((c * width) / columns);
      cells[at] += values[r * columns + c];
      counts[at]++;
    }
  }
  cells.forEach((sum, i) => (cells[i] = sum / counts[i]));
  const low = cells.reduce((a, b) => Math.min(a, b), Infinity);
  const high = cells.reduce((a, b) => Math.max(a, b), -Infinity);
  const stride = 4 * Math.ceil((3 * width) / 4);
  const bytes = Buffer.alloc(54 + stride * height);
  bytes.write("BM", 0, "latin1");
  bytes.writeUInt32LE(bytes.length, 2);
  bytes.writeUInt32LE(54, 10); // offset of the pixels
  bytes.writeUInt32LE(40, 14); // length of the second header
  bytes.writeInt32LE(width, 18);
  bytes.writeInt32LE(-height, 22); // negative, since the first row is at the top
  bytes.writeUInt16LE(1, 26);
  bytes.writeUInt16LE(24, 28); // bits per pixel
  for (let r = 0; r < height; r++) {
    for (let c = 0; c < width; c++) {
      const share = high > low ? (cells[r * width + c] - low) / (high - low) : 0;
      colour(share).forEach((value, i) => (bytes[54 + r * stride + 3 * c + 2 - i] = value)); // blue, green, red
    }
  }
  return bytes;
}

/** Points of matplotlib's viridis at even steps from 0 to 1. */
const VIRIDIS = [
  [68, 1, 84],
  [59, 82, 139],
  [33, 145, 140],
  [94, 201, 98],
  [253, 231, 37],
];

function colour(share: number): number[] {
  const at = share * (VIRIDIS.length - 1);
  const i = Math.min(Math.floor(at), VIRIDIS.length - 2);
  return VIRIDIS[i].map((low, k) => Math.round(low + (at - i) * (VIRIDIS[i + 1][k] - low)));
}
