/** The part of a tensor of TensorFlow.js that is used here. */
export interface TfTensor {
  shape: number[];
  data(): Promise<unknown>;
  dispose(): void;
}
