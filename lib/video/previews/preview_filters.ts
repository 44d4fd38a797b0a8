import { deinterlaceFilter, type PixelSource, uprightFilter } from "../pixels/filters.js";
import { toneMapped } from "../pixels/planes.js";
import type { PreviewRequest } from "./preview_request.js";

/** Frames a second of a preview, at least and at most. */
const [SLOWEST, FASTEST] = [15, 30];
/** Samples a second of its sound. */
export const SAMPLE_RATE = 48_000;

/** Frames a second of the preview of a video with this rate: a whole part or a multiple, so that frames stay evenly spaced. */
export function previewRate(rate = 25): number {
  if (!(rate > 0.01 && rate < 1000)) return 25;
  if (rate > FASTEST + 0.5) return rate / Math.ceil(rate / (FASTEST + 0.5));
  return rate < SLOWEST ? rate * Math.ceil(SLOWEST / rate) : rate;
}

/** The number of frames of a preview. */
export const frameCount = ({ length }: Pick<PreviewRequest, "length">, rate: number): number =>
  Math.max(1, Math.floor(length * rate));

/**
 * The filters from decoded frames to those of a preview, whose time 0 is `start` on the stream's clock: evenly spaced,
 * upright, with square pixels, at most `side` wide and high, in the colours of BT.709. HDR is tone-mapped where FFmpeg
 * has the filter `zscale`, and otherwise shown as stored.
 */
export function videoFilter(
  request: PreviewRequest,
  { source, start, rate, hasZscale }: { source: PixelSource; start: number; rate: number; hasZscale: boolean },
): string {
  const { side } = request;
  const longer = "max(iw*sar\\,ih)";
  const even = (value: string) => `2*max(1\\,round(${value}*min(1\\,${side}/${longer})/2))`;
  const transfer = hasZscale ? toneMapped({ hdr: "tonemap" }, source) : undefined;
  const colors = transfer === undefined ? ":out_color_matrix=bt709:out_range=tv" : "";
  const filters = [
    `setpts=round(PTS-${start.toFixed(6)}/TB)`,
    deinterlaceFilter(source),
    `fps=${rate.toFixed(6)}:start_time=0`,
    `trim=end_frame=${frameCount(request, rate)}`,
    ...uprightFilter(source),
    `scale=w=${even("iw*sar")}:h=${even("ih")}:flags=bilinear${colors}`,
    ...(transfer === undefined ? [] : toneMap(source, transfer)),
    "setsar=1",
    "format=yuv420p",
  ];
  return filters.filter(Boolean).join(",");
}

function toneMap({ colorPrimaries, colorSpace, colorRange }: PixelSource, transfer: "pq" | "hlg"): string[] {
  const from = [
    `tin=${transfer === "pq" ? "smpte2084" : "arib-std-b67"}`,
    `pin=${colorPrimaries === "smpte432" ? "smpte432" : "2020"}`,
    `min=${colorSpace === "bt709" ? "709" : "2020_ncl"}`,
    `rin=${colorRange === "pc" ? "full" : "limited"}`,
  ];
  const bt709 = "zscale=t=709:m=709:r=limited";
  return [
    `zscale=${from.join(":")}:t=linear:npl=203`,
    "format=gbrpf32le",
    "zscale=p=709",
    "tonemap=mobius:desat=0",
    bt709,
  ];
}

/** The filters from decoded sound to that of a preview: stereo, from the same time on, with silence in its gaps. */
export function audioFilter({ length }: Pick<PreviewRequest, "length">, start: number): string {
  return [
    `asetpts=round(PTS-${start.toFixed(6)}/TB)`,
    `atrim=start=0:end=${length}`,
    `aresample=${SAMPLE_RATE}:async=1000:first_pts=0`,
    "aformat=channel_layouts=stereo",
  ].join(",");
}
