/** How a stored picture is made upright: mirrored left to right if `mirrored` is set, then rotated clockwise. */
export interface Orientation {
  /** Degrees: 0, 90, 180 or 270. */
  rotation: number;
  mirrored: boolean;
}

/** The eight values of the EXIF tag Orientation, from 1 on. */
const exifOrientations: readonly Orientation[] = [
  { rotation: 0, mirrored: false },
  { rotation: 0, mirrored: true },
  { rotation: 180, mirrored: false },
  { rotation: 180, mirrored: true },
  { rotation: 270, mirrored: true },
  { rotation: 90, mirrored: false },
  { rotation: 90, mirrored: true },
  { rotation: 270, mirrored: false },
];

/** The orientation of an EXIF value; upright for unknown values. */
export function exifOrientation(value: number): Orientation {
  return exifOrientations[value - 1] ?? exifOrientations[0];
}

/**
 * The orientation of a display matrix, from its first two columns `a b` and `c d`: a point moves to
 * `(a x + c y, b x + d y)`. Angles are rounded to quarter turns.
 */
export function matrixOrientation(a: number, b: number, c: number, d: number): Orientation {
  const mirrored = a * d - b * c < 0;
  const side = mirrored ? -1 : 1;
  const quarters = Math.round(Math.atan2(side * b, side * a) / (Math.PI / 2));
  return { rotation: ((quarters + 4) % 4) * 90, mirrored };
}

/**
 * The orientation in the text of a display matrix from `ffprobe`: a number and three entries in each of three lines.
 */
export function printedOrientation(text: string | undefined): Orientation {
  const rows = [...(text ?? "").matchAll(/^\d+:\s+(-?\d+)\s+(-?\d+)\s+-?\d+$/gm)].map((row) => [+row[1], +row[2]]);
  if (rows.length < 2) return exifOrientations[0];
  return matrixOrientation(rows[0][0], rows[0][1], rows[1][0], rows[1][1]);
}
