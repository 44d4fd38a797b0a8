/**
 * Random streams of training. The draws of one purpose are `new Random(seed, stream, index)`, so purposes that share a seed need
 * different streams. The numbers are arbitrary, but another number gives other draws, also in a resumed run.
 */
export const RANDOM_STREAMS = {
  /** Sentence pairs and masks of a pre-training; the index is that of the pair. */
  pretrainingPairs: 1,
  /** Order of the examples; the index is the epoch. */
  exampleOrder: 0x0de4,
  /** Training videos of CrossTask; the index is that of the task. */
  crossTaskVideos: 0xc705,
} as const;
