export interface L2NormalizeAttrs {
  /** The least that is divided by. */
  eps: number;
}
