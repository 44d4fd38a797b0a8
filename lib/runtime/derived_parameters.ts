// Derived parameters: folded and packed weights, which the store keeps until their sources have newer versions.
import { encode } from "../compile/encode.js";
import { copyOutputs } from "../compile/passes/copy_outputs.js";
import type { DerivedParameter } from "../compile/passes/hoist_parameters.js";
import { planGraph, SPACE } from "../compile/plan.js";
import { graphOf, PARAMETER, sortGraph } from "../graph/trace.js";
import type { Device } from "./device.js";
import { storedId } from "./parameter_store.js";
import { runNative, TIMING } from "./run_native.js";

/** Runs the programs that make stale derived parameters. */
export async function makeDerived(device: Device, derived: DerivedParameter[]): Promise<void> {
  const store = device.parameters;
  // a graph may derive the same form twice
  const different = [...new Map(derived.map((d) => [d.name, d])).values()];
  const stale = different.filter((d) => store.derived(d.name, d.sources, d.bytes).stale);
  if (stale.length === 0) return;
  const versions = new Map(stale.map((d) => [d.name, store.versions(d.sources)]));
  const graph = graphOf(new Map(stale.map((d) => [d.name, d.tensor])));
  copyOutputs(graph); // a view of a parameter becomes a copy
  sortGraph(graph);
  const plan = planGraph(
    graph,
    (tensor) => (tensor.node.op === PARAMETER ? storedId(device.parameters, tensor) : undefined),
    (_, index) => ({ space: SPACE.parameter, id: store.derived(stale[index].name, [], 0).id }),
  );
  const { id } = device.native((engine) => engine.createProgram({ ...encode(graph, plan), outputBytes: [] }));
  try {
    await runNative(device, id, {
      inputs: [],
      scalars: new Float32Array(0),
      outputs: [],
      results: [],
      timing: TIMING.none,
    });
  } finally {
    device.engine.removeProgram(id);
  }
  for (const d of stale) store.made(d.name, versions.get(d.name)!);
}
