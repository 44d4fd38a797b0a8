import { encode } from "../compile/encode.js";
import { lower } from "../compile/lower.js";
import { hoistParameters } from "../compile/passes/hoist_parameters.js";
import { placeUpdates } from "../compile/passes/place_updates.js";
import { planGraph, SPACE } from "../compile/plan.js";
import type { Tensor } from "../graph/tensor.js";
import { type Graph, PARAMETER } from "../graph/trace.js";
import type { Device } from "./device.js";
import { storedId } from "./parameter_store.js";
import { Program } from "./program.js";

/**
 * Lowers a graph (usually after `optimize`) to a program of the device. Shapes are fixed, and the graph must not be
 * used again. Derived parameters are computed before the first run. Parameters that the program updates must be in the
 * store.
 */
export function compile(graph: Graph, device: Device): Program {
  lower(graph, device);
  const derived = hoistParameters(graph);
  placeUpdates(graph);
  const ids = new Map(derived.map((d) => [d.tensor, device.parameters.derived(d.name, d.sources, d.bytes).id]));
  const placed = (tensor: Tensor) =>
    tensor.node.op === PARAMETER ? storedId(device.parameters, tensor) : ids.get(tensor);
  const plan = planGraph(
    graph,
    placed,
    (_, index) => ({ space: SPACE.output, id: index }),
    (key, { shape, dtype }) => device.parameters.id(key, shape, dtype, layerOf(graph, key)),
  );
  const native = device.native((engine) =>
    engine.createProgram({ ...encode(graph, plan), tf32: device.precision === "tf32" }),
  );
  return new Program(device, graph, plan, derived, native);
}

/** The layer that reads a parameter. */
const layerOf = ({ nodes }: Graph, key: string): string =>
  nodes.find(({ op, attrs }) => op === PARAMETER && attrs.key === key)?.layer ?? "";
