import { isArrayOf } from "../base/typed_arrays.js";

/**
 * The part of the protobuf wire format that ONNX files need. The libraries assemble a message in one buffer; a model is
 * mostly weights, so here a message is a list of pieces and weights are read only when their piece is written.
 */
import { VideoClipError } from "../base/errors.js";

/** Bytes, or bytes of known length that are read when they are written. */
export type Piece = Uint8Array | { byteLength: number; read(): Uint8Array };

const VARINT = 0;
const DELIMITED = 2;
const FIXED32 = 5;

const encoder = new TextEncoder();

function varintBytes(value: number | bigint): number[] {
  let rest = BigInt.asUintN(64, BigInt(value)); // a negative int64 takes ten bytes
  const bytes: number[] = [];
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return bytes;
}

/** A message under construction: fields in the order of the calls. */
export class Message {
  readonly pieces: Piece[] = [];
  byteLength = 0;

  #add(piece: Piece): void {
    this.pieces.push(piece);
    this.byteLength += piece.byteLength;
  }

  #tag(field: number, type: number, ...after: number[]): void {
    this.#add(Uint8Array.from([...varintBytes((field << 3) | type), ...after]));
  }

  integer(field: number, value: number): this {
    this.#tag(field, VARINT, ...varintBytes(value));
    return this;
  }

  float(field: number, value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    this.#tag(field, FIXED32, ...bytes);
    return this;
  }

  bytes(field: number, piece: Piece): this {
    this.#tag(field, DELIMITED, ...varintBytes(piece.byteLength));
    this.#add(piece);
    return this;
  }

  string(field: number, text: string): this {
    return this.bytes(field, encoder.encode(text));
  }

  message(field: number, inner: Message): this {
    this.#tag(field, DELIMITED, ...varintBytes(inner.byteLength));
    this.pieces.push(...inner.pieces);
    this.byteLength += inner.byteLength;
    return this;
  }

  /** The bytes in order, one piece at a time. */
  *chunks(): Generator<Uint8Array> {
    for (const piece of this.pieces) {
      const bytes = isArrayOf("Uint8Array", piece) ? piece : piece.read();
      if (bytes.byteLength !== piece.byteLength) {
        throw new VideoClipError("ERR_INTERNAL", `a piece of ${piece.byteLength} bytes gave ${bytes.byteLength}`);
      }
      yield bytes;
    }
  }
}
