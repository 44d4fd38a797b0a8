/** Nominal peak of HDR pictures and the white of SDR in cd/m² (BT.2408: reference white is 203). */
const peak = 1000;
const white = 203;
/** Entries of the tables: four to sixteen for each value of a 10- or 12-bit sample. */
const entries = 16384;

/** The transfer function of a stream: SMPTE ST 2084 (PQ) or ARIB STD-B67 (HLG). */
export type HdrTransfer = "pq" | "hlg";

/** The transfer of HDR in FFmpeg's names; undefined for SDR. */
export function hdrTransfer(colorTransfer: string | undefined): HdrTransfer | undefined {
  return colorTransfer === "smpte2084" ? "pq" : colorTransfer === "arib-std-b67" ? "hlg" : undefined;
}

/** Linear R'G'B' of a stream's primaries in those of BT.709, row by row: BT.2020 (BT.2087), Display P3, and BT.709 itself. */
const toBt709: Record<"bt2020" | "smpte432" | "bt709", readonly number[]> = {
  bt2020: [1.6605, -0.5876, -0.0728, -0.1246, 1.1329, -0.0083, -0.0182, -0.1006, 1.1187],
  smpte432: [1.2249, -0.2249, 0, -0.0421, 1.0421, 0, -0.0196, -0.0786, 1.0982],
  bt709: [1, 0, 0, 0, 1, 0, 0, 0, 1],
};

const [m1, m2, c1, c2, c3] = [2610 / 16384, (2523 / 4096) * 128, 3424 / 4096, (2413 / 4096) * 32, (2392 / 4096) * 32];

/** cd/m² of a PQ value of 0 to 1, and back (SMPTE ST 2084). */
export function pqToLight(value: number): number {
  const power = value ** (1 / m2);
  return 10000 * (Math.max(0, power - c1) / (c2 - c3 * power)) ** (1 / m1);
}
export function lightToPq(light: number): number {
  const power = (light / 10000) ** m1;
  return ((c1 + c2 * power) / (1 + c3 * power)) ** m2;
}

/** Scene light of an HLG value (BT.2100), both 0 to 1. */
function hlgToScene(value: number): number {
  return value <= 0.5 ? value ** 2 / 3 : (Math.exp((value - 0.55991073) / 0.17883277) + 0.28466892) / 12;
}

/** BT.2390's EETF without a black level: cd/m² of at most `peak` become at most `white`. */
export function compress(light: number): number {
  const top = lightToPq(peak);
  const max = lightToPq(white) / top;
  const knee = 1.5 * max - 0.5;
  const value = Math.min(1, lightToPq(light) / top);
  if (value <= knee) return light;
  const t = (value - knee) / (1 - knee);
  const [t2, t3] = [t * t, t * t * t];
  const bent = (2 * t3 - 3 * t2 + 1) * knee + (t3 - 2 * t2 + t) * (1 - knee) + (3 * t2 - 2 * t3) * max;
  return pqToLight(bent * top);
}

/** Converts R'G'B' of HDR, 0 to 1, to R'G'B' of BT.709 for a display with BT.1886's gamma of 2.4, 0 to 255. */
export class ToneMap {
  private readonly light = new Float64Array(entries + 1);
  /** The gain, by the fourth root of light. */
  private readonly gain = new Float64Array(entries + 1);
  /** The coded value, by the square root of light. */
  private readonly coded = new Float64Array(entries + 1);
  private readonly matrix: readonly number[];

  /** @param primaries - in FFmpeg's names; those of BT.2020 where it is not known or has no matrix here. */
  constructor(
    private readonly transfer: HdrTransfer,
    primaries: string | undefined,
  ) {
    this.matrix = toBt709[primaries as "bt2020"] ?? toBt709.bt2020;
    for (let i = 0; i <= entries; i++) {
      const at = i / entries;
      this.light[i] = transfer === "pq" ? pqToLight(at) : hlgToScene(at);
      const light = peak * at ** 4;
      this.gain[i] = i === 0 ? 1 / white : compress(light) / light / white;
      this.coded[i] = 255 * at ** (2 / 2.4);
    }
  }

  /** Writes red, green and blue at `to[at]`, `to[at + 1]` and `to[at + 2]`. */
  write(red: number, green: number, blue: number, to: Float64Array, at: number): void {
    let r = this.light[index(red)];
    let g = this.light[index(green)];
    let b = this.light[index(blue)];
    if (this.transfer === "hlg") {
      // the display's gamma of 1.2 at a peak of 1000 cd/m²
      const scale = peak * (0.2627 * r + 0.678 * g + 0.0593 * b) ** 0.2;
      r *= scale;
      g *= scale;
      b *= scale;
    }
    const max = Math.max(r, g, b);
    const gain = max >= peak ? 1 / max : this.gain[index(Math.sqrt(Math.sqrt(max / peak)))];
    r *= gain;
    g *= gain;
    b *= gain;
    const { matrix, coded } = this;
    for (let row = 0; row < 3; row++) {
      const light = matrix[3 * row] * r + matrix[3 * row + 1] * g + matrix[3 * row + 2] * b;
      to[at + row] = coded[index(Math.sqrt(Math.max(0, light)))];
    }
  }
}

function index(value: number): number {
  return value <= 0 ? 0 : value >= 1 ? entries : Math.round(value * entries);
}
