import { type PixelSource, stillPlanesFilter } from "../pixels/filters.js";
import { HdrScaler, type ScaleTarget } from "../pixels/hdr_scaler.js";
import { layoutFor, type PixelLayout } from "../pixels/pixel_layout.js";
import { toneMapped } from "../pixels/planes.js";
import type { PlaneFrame } from "../pixels/pixel_layout.js";
import type { HdrTransfer } from "../pixels/tone_map.js";
import type { StillRequest } from "./still_request.js";

/** The pixels of a still, u8 RGB `[height, width, 3]`. */
export interface StillPixels {
  width: number;
  height: number;
  rgb: Buffer;
}

/** Makes stills of an HDR stream, tone-mapped as its clips are. */
export class HdrStill {
  readonly layout: PixelLayout;
  /** The filters that bring the frame to the layout. */
  readonly filter: string;

  private constructor(
    private readonly width: number,
    private readonly source: PixelSource,
    private readonly transfer: HdrTransfer,
  ) {
    this.layout = layoutFor(source.pixelFormat, true);
    this.filter = stillPlanesFilter(source, this.layout.name);
  }

  /** Undefined for a stream that is shown as it is stored. */
  static of({ width, hdr }: Pick<StillRequest, "width" | "hdr">, source: PixelSource): HdrStill | undefined {
    const transfer = toneMapped({ hdr }, source);
    return transfer && new HdrStill(width, source, transfer);
  }

  pixelsOf(frame: PlaneFrame): StillPixels {
    const { width } = this;
    // an even number of rows, as ffmpeg's filter `scale` makes of the height -2
    const height = Math.max(2, 2 * Math.round((frame.height * width) / (2 * frame.width)));
    const target: ScaleTarget = {
      width,
      height,
      interpolation: "bicubic",
      placeIn: () => ({ stepX: frame.width / width, stepY: frame.height / height, left: 0, top: 0 }),
    };
    const rgb = Buffer.alloc(3 * width * height);
    new HdrScaler(target, this.source, this.layout, this.transfer).write(frame, rgb);
    return { width, height, rgb };
  }
}
