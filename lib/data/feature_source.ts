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

/** A source of the features of videos: a folder of features, or videos that are decoded. */
export interface FeatureSource {
  readonly folder: string;
  /** Whether there are features for the video, by its name or the base name of its path. */
  has(video: string): boolean;
  /** @throws DatasetError, VideoError when there are none, or they cannot be used */
  read(video: string): Features | Promise<Features>;
}
