import { VideoClipError } from "../base/errors.js";
import { writeDurablyAsync } from "../base/files.js";
import type { OnnxGraph } from "./encode.js";
import type { Message } from "./protobuf.js";

/** Maximum size of a message: protobuf counts in int32. */
const MAX_BYTES = 2 ** 31 - 1;

/** An ONNX model. Weights are read and folded one at a time, while it is written. */
export class OnnxModel {
  /** Size of the file. */
  readonly bytes: number;
  /** Number of weight tensors. */
  readonly tensors: number;

  /** Its nodes and constants. @internal */
  readonly graph: OnnxGraph;
  #message: Message;

  /** @internal use `toOnnx` */
  constructor(graph: OnnxGraph, message: Message) {
    this.graph = graph;
    this.#message = message;
    this.bytes = message.byteLength;
    this.tensors = graph.tensors.filter(({ weight }) => weight).length;
    if (this.bytes <= MAX_BYTES) return;
    const size = (this.bytes / 1e9).toFixed(2);
    throw new VideoClipError("ERR_ONNX", `The ONNX model would take ${size} GB; one ONNX file holds at most 2 GiB`, {
      expected: MAX_BYTES,
      received: this.bytes,
    });
  }

  /** The file as bytes. */
  toBytes(): Uint8Array {
    const bytes = new Uint8Array(this.bytes);
    let at = 0;
    for (const chunk of this.#message.chunks()) {
      bytes.set(chunk, at);
      at += chunk.byteLength;
    }
    return bytes;
  }

  /** Writes the file atomically. */
  async save(path: string): Promise<void> {
    await writeDurablyAsync(path, this.#message.chunks());
  }
}
