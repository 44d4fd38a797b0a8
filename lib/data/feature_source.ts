/** Features of one video, float32, row-major `[rows, width]`: row i is about second i. */
export interface Features {
  data: Float32Array;
  shape: readonly [number, number];
  /** @deprecated Use `shape[0]`. */
  rows: number;
  /** @deprecated Use `shape[1]`. */
  width: number;
}

/** Features as a matrix. @internal */
export const featureMatrix = (data: Float32Array, [rows, width]: readonly [number, number]): Features => ({
  data,
  shape: [rows, width],
  rows,
  width,
});

/** Where the features of videos come from: a folder of them, or videos that are decoded. */
export interface FeatureSource {
  readonly folder: string;
  /** Whether there is something for the video, by its name or the base name of its path. */
  has(video: string): boolean;
  /** @throws DatasetError, VideoError when there is nothing, or it cannot be used */
  read(video: string): Features | Promise<Features>;
}
