/** Primaries and transfer of a picture in FFmpeg's names; undefined where they make no difference to the package. */
export interface PictureColors {
  colorPrimaries: string | undefined;
  colorTransfer: string | undefined;
}

/** Pixels of a picture as its header says; the largest one where it has several. */
export interface PictureSize {
  width: number;
  height: number;
}
