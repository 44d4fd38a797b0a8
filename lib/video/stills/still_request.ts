import type { FileFacts } from "../file.js";
import type { Preset } from "../types.js";

/** A moment of a file for which a JPEG is made. */
export interface StillRequest {
  file: FileFacts;
  /** Seconds after the start of the container. */
  seconds: number;
  /** Width of the JPEG in pixels. */
  width: number;
  hdr?: Preset["hdr"];
}
