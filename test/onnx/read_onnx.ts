// A reader of ONNX files, independent of the writer: it reads the fields that tests use, and checks that no byte is
// left over.

export interface ReadTensor {
  name: string;
  dtype: number;
  shape: number[];
  raw: Uint8Array;
}

export interface ReadNode {
  type: string;
  name: string;
  inputs: string[];
  outputs: string[];
  attributes: Record<string, number | string | number[]>;
}

export interface ReadValue {
  name: string;
  dtype: number;
  shape: number[];
}

export interface ReadModel {
  irVersion: number;
  opsets: { domain: string; version: number }[];
  producer: string;
  metadata: Record<string, string>;
  name: string;
  nodes: ReadNode[];
  tensors: ReadTensor[];
  inputs: ReadValue[];
  outputs: ReadValue[];
}

type Field = { number: number; value: bigint | Uint8Array };

function fields(bytes: Uint8Array): Field[] {
  const list: Field[] = [];
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      if (at >= bytes.length || shift > 63n) throw new Error("a varint runs over the end");
      const byte = bytes[at++];
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const type = tag & 7;
    if (type === 0) {
      list.push({ number: tag >> 3, value: varint() });
      continue;
    }
    if (type !== 2 && type !== 5) throw new Error(`wire type ${type}`);
    const length = type === 5 ? 4 : Number(varint());
    if (at + length > bytes.length) throw new Error("a field runs over the end of its message");
    list.push({ number: tag >> 3, value: bytes.subarray(at, at + length) });
    at += length;
  }
  return list;
}

const text = (value: Field["value"]) => new TextDecoder("utf-8", { fatal: true }).decode(value as Uint8Array);
const integer = (value: Field["value"]) => Number(BigInt.asIntN(64, value as bigint));
const all = (list: Field[], n: number) => list.filter(({ number }) => number === n).map(({ value }) => value);
const inside = (list: Field[], n: number) => all(list, n).map((value) => fields(value as Uint8Array));
const only = (list: Field[], n: number) => {
  const found = all(list, n);
  if (found.length !== 1) throw new Error(`field ${n} occurs ${found.length} times`);
  return found[0];
};

function readAttribute(list: Field[]): [string, number | string | number[]] {
  const name = text(only(list, 1));
  const type = integer(only(list, 20));
  if (type === 1) {
    const bytes = only(list, 2) as Uint8Array;
    return [name, new DataView(bytes.buffer, bytes.byteOffset, 4).getFloat32(0, true)];
  }
  if (type === 2) return [name, integer(only(list, 3))];
  if (type === 3) return [name, text(only(list, 4))];
  if (type === 7) return [name, all(list, 8).map(integer)];
  throw new Error(`attribute ${name} has type ${type}`);
}

function readValue(list: Field[]): ReadValue {
  const tensor = fields(only(inside(list, 2)[0], 1) as Uint8Array);
  const shape = inside(inside(tensor, 2)[0], 1).map((dim) => integer(only(dim, 1)));
  return { name: text(only(list, 1)), dtype: integer(only(tensor, 1)), shape };
}

export function readOnnx(bytes: Uint8Array): ReadModel {
  const model = fields(bytes);
  const graph = fields(only(model, 7) as Uint8Array);
  return {
    irVersion: integer(only(model, 1)),
    producer: text(only(model, 2)),
    opsets: inside(model, 8).map((set) => ({ domain: text(only(set, 1)), version: integer(only(set, 2)) })),
    metadata: Object.fromEntries(inside(model, 14).map((entry) => [text(only(entry, 1)), text(only(entry, 2))])),
    name: text(only(graph, 2)),
    nodes: inside(graph, 1).map((node) => ({
      type: text(only(node, 4)),
      name: text(only(node, 3)),
      inputs: all(node, 1).map(text),
      outputs: all(node, 2).map(text),
      attributes: Object.fromEntries(inside(node, 5).map(readAttribute)),
    })),
    tensors: inside(graph, 5).map((tensor) => ({
      name: text(only(tensor, 8)),
      dtype: integer(only(tensor, 2)),
      shape: all(tensor, 1).map(integer),
      raw: only(tensor, 9) as Uint8Array,
    })),
    inputs: inside(graph, 11).map(readValue),
    outputs: inside(graph, 12).map(readValue),
  };
}

/** Values of a float32 tensor. */
export function floats({ raw }: ReadTensor): Float32Array {
  return new Float32Array(raw.slice().buffer);
}
