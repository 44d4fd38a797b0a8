import { VideoClipError } from "../base/errors.js";
import { concat, reshape, type SliceAttrs, slice } from "../ops/index.js";
import {
  denseStrides,
  elements,
  ITEM_SIZE,
  type Node,
  type OpDefinition,
  operandOf,
  type Tensor,
} from "../graph/tensor.js";
import { type Graph, INPUT, PARAMETER, readers, SCALAR } from "../graph/trace.js";

/** The memory spaces, with the numbers of native/cpp/runtime/program.h. */
export const SPACE = { absent: -1, arena: 0, input: 1, output: 2, parameter: 3, scalar: 4 } as const;

/** The place of a tensor: a buffer, and the tensor's view of it. */
export interface Placement {
  buffer: PlannedBuffer;
  /** Elements from the buffer's start. */
  offset: number;
  strides: readonly number[];
}

/** A piece of memory that one or more tensors share. */
export interface PlannedBuffer {
  space: number;
  /** Id of the input, output or parameter. */
  id: number;
  bytes: number;
  /** First and last instruction that uses it (arena only). */
  first: number;
  last: number;
  /** Byte offset in the arena, or among the scalars. */
  at: number;
}

export interface Plan {
  instructions: Node[];
  placements: Map<Tensor, Placement>;
  arenaBytes: number;
}

const ALIGN = 64;

/**
 * Gives every tensor a place. Inputs, outputs and parameters are in their spaces; everything else is in one arena,
 * where buffers with disjoint lifetimes share bytes. A concat along channels costs nothing: its inputs are written
 * directly into their parts of its buffer. A reshape is a view, and so is a slice of channels if its readers accept
 * strided rows.
 * @param parameterId id in the store of a parameter or derived tensor
 * @param updateId id in the store of a parameter that gets a new value, by key; see `placeUpdates`
 * @param outputSpace place of a graph output: slot i of `output`, or the parameter id of a derived form
 */
export function planGraph(
  graph: Graph,
  parameterId: (tensor: Tensor) => number | undefined,
  outputSpace: (name: string, index: number) => { space: number; id: number },
  updateId?: (key: string, value: Tensor) => number,
): Plan {
  const placements = new Map<Tensor, Placement>();
  const buffers: PlannedBuffer[] = [];
  const make = (tensor: Tensor, space: number, id: number): PlannedBuffer => {
    const bytes = elements(tensor.shape) * ITEM_SIZE[tensor.dtype];
    const buffer = { space, id, bytes, first: Number.POSITIVE_INFINITY, last: -1, at: 0 };
    buffers.push(buffer);
    return buffer;
  };
  const place = (tensor: Tensor, buffer: PlannedBuffer, offset = 0, strides = denseStrides(tensor.shape)) => {
    placements.set(tensor, { buffer, offset, strides });
  };

  let inputs = 0;
  for (const tensor of graph.inputs.values()) place(tensor, make(tensor, SPACE.input, inputs++));
  let scalars = 0;
  for (const tensor of graph.scalars.values()) {
    const buffer = make(tensor, SPACE.scalar, 0);
    buffer.at = scalars;
    scalars += buffer.bytes;
    place(tensor, buffer);
  }
  for (const [key, tensor] of graph.updates) place(tensor, make(tensor, SPACE.parameter, updateId!(key, tensor)));
  const tensors = new Set(graph.nodes.flatMap((node) => [...node.inputs, ...node.outputs]));
  for (const tensor of tensors) {
    const id = tensor && !placements.has(tensor) ? parameterId(tensor) : undefined;
    if (tensor && id !== undefined) place(tensor, make(tensor, SPACE.parameter, id));
  }

  const instructions = graph.nodes.filter(({ op }) => op !== INPUT && op !== SCALAR && op !== PARAMETER);
  claimOutputs(graph, instructions, placements, make, place, outputSpace);

  // from the last node to the first, so that a concat inside a concat gets its place in the outer one
  const uses = readers(graph);
  const elided = new Set<Node>();
  for (const node of [...instructions].reverse()) {
    if (isView(node, uses, placements)) {
      elided.add(node);
      const [x] = node.inputs as [Tensor];
      if (!placements.has(x)) place(x, make(x, SPACE.arena, 0));
      const { buffer, offset, strides } = placements.get(x)!;
      place(node.outputs[0], buffer, offset + (node.attrs as unknown as SliceAttrs).start.at(-1)!, strides as number[]);
      continue;
    }
    for (const output of node.outputs) {
      if (!placements.has(output)) place(output, make(output, SPACE.arena, 0));
    }
    const own = placements.get(node.outputs[0])!;
    if (node.op === (concat as OpDefinition<never>) && canElide(node, uses, placements)) {
      elided.add(node);
      let channel = 0;
      for (const x of node.inputs) {
        place(x!, own.buffer, own.offset + channel, own.strides as number[]);
        channel += x!.shape[x!.shape.length - 1];
      }
    } else if (node.op === (reshape as OpDefinition<never>) && !placements.has(node.inputs[0]!)) {
      elided.add(node);
      place(node.inputs[0]!, own.buffer, own.offset);
    } else if (node.op === (reshape as OpDefinition<never>) && own.buffer.space === SPACE.arena) {
      const source = placements.get(node.inputs[0]!)!;
      if (source.strides.join() === denseStrides(node.inputs[0]!.shape).join()) {
        elided.add(node);
        retarget(placements, own.buffer, source);
      }
    }
  }

  const run = instructions.filter((node) => !elided.has(node));
  run.forEach((node, i) => {
    for (const tensor of [...node.inputs, ...node.outputs]) {
      const buffer = tensor && placements.get(tensor)!.buffer;
      if (!buffer) continue;
      buffer.first = Math.min(buffer.first, i);
      buffer.last = Math.max(buffer.last, i);
    }
  });
  return { instructions: run, placements, arenaBytes: packArena(buffers) };
}

/** Moves every view of `from` to the place of `to`. */
function retarget(placements: Map<Tensor, Placement>, from: PlannedBuffer, to: Placement): void {
  for (const [tensor, placement] of placements) {
    if (placement.buffer === from) {
      placements.set(tensor, { buffer: to.buffer, offset: to.offset + placement.offset, strides: placement.strides });
    }
  }
}

type Make = (tensor: Tensor, space: number, id: number) => PlannedBuffer;

/**
 * Gives graph outputs memory in the output space. Outputs that cannot be written there directly are copies (see
 * `copyOutputs`).
 */
function claimOutputs(
  graph: Graph,
  instructions: Node[],
  placements: Map<Tensor, Placement>,
  make: Make,
  place: (tensor: Tensor, buffer: PlannedBuffer) => void,
  outputSpace: (name: string, index: number) => { space: number; id: number },
): void {
  const computed = new Set(instructions.flatMap((node) => node.outputs));
  [...graph.outputs].forEach(([name, tensor], index) => {
    if (placements.has(tensor) || !computed.has(tensor))
      throw new VideoClipError("ERR_INTERNAL", `output ${name} is not computed by an instruction`);
    const { space, id } = outputSpace(name, index);
    place(tensor, make(tensor, space, id));
  });
}

/**
 * Whether a slice can be read in place: it is a range of channels of a value in the arena, and its readers accept
 * strided rows.
 */
function isView(node: Node, uses: ReturnType<typeof readers>, placements: Map<Tensor, Placement>): boolean {
  if (node.op !== (slice as OpDefinition<never>)) return false;
  const [x] = node.inputs as [Tensor];
  const [y] = node.outputs;
  const space = placements.get(x)?.buffer.space ?? SPACE.arena;
  const last = x.shape.length - 1;
  return (
    last > 0 &&
    space === SPACE.arena &&
    !placements.has(y) &&
    y.shape.every((size, axis) => axis === last || size === x.shape[axis]) &&
    (uses.get(y) ?? []).every((use) => use.node && operandOf(use.node.op, use.slot)?.strided)
  );
}

/** Whether the inputs of a concat can be written directly into its buffer. */
function canElide(node: Node, uses: ReturnType<typeof readers>, placements: Map<Tensor, Placement>): boolean {
  const rank = node.outputs[0].shape.length;
  const inputs = new Set(node.inputs);
  return (
    node.attrs.axis === rank - 1 &&
    inputs.size === node.inputs.length &&
    node.inputs.every(
      (x) =>
        !placements.has(x!) &&
        x!.node.op !== (reshape as OpDefinition<never>) &&
        !x!.node.op.dense?.includes("outputs") &&
        uses
          .get(x!)!
          .every(
            ({ node: reader }) =>
              reader?.op !== (reshape as OpDefinition<never>) && !reader?.op.dense?.includes("inputs"),
          ),
    )
  );
}

/** Chooses offsets in the arena: largest buffer first, each at the lowest offset that is free during its lifetime. */
function packArena(buffers: PlannedBuffer[]): number {
  const live = buffers.filter((b) => b.space === SPACE.arena && b.last >= 0).sort((a, b) => b.bytes - a.bytes);
  const placed: PlannedBuffer[] = [];
  let size = 0;
  for (const buffer of live) {
    const rivals = placed.filter((p) => p.first <= buffer.last && buffer.first <= p.last).sort((a, b) => a.at - b.at);
    let at = 0;
    for (const rival of rivals) {
      if (at + buffer.bytes <= rival.at) break;
      at = Math.max(at, Math.ceil((rival.at + rival.bytes) / ALIGN) * ALIGN);
    }
    buffer.at = at;
    placed.push(buffer);
    size = Math.max(size, at + buffer.bytes);
  }
  return size;
}
