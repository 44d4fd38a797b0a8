import { WeightsError } from "../base/errors.js";
import { evaluate64 } from "../graph/evaluate64.js";
import { elements, type Node, type Tensor } from "../graph/tensor.js";
import { graphOf, INPUT, PARAMETER } from "../graph/trace.js";

/** Values of a parameter by its published key, float32 in that shape: such as `(key) => store.get(key)`. */
export type OnnxWeights = (key: string, shape: readonly number[]) => Float32Array;

/**
 * The values that depend on parameters alone: folded weights and biases. They are computed by the float64 references and
 * rounded to float32 once, when they are written.
 */
export class Constants {
  #known = new Map<Node, boolean>();

  constructor(readonly weights: OnnxWeights) {}

  has({ node }: Tensor): boolean {
    let known = this.#known.get(node);
    if (known === undefined) {
      const inputs = node.inputs.filter((x) => x !== null);
      known = node.op === PARAMETER || (node.op !== INPUT && inputs.length > 0 && inputs.every((x) => this.has(x)));
      this.#known.set(node, known);
    }
    return known;
  }

  /** The key of a parameter; of a computed value that of its first parameter and how it is computed. */
  name(tensor: Tensor): string {
    const { node } = tensor;
    if (node.op === PARAMETER) return node.attrs.key as string;
    return `${this.name(node.inputs.find((x) => x !== null)!)}/${node.op.name}`;
  }

  read(tensor: Tensor): Float32Array {
    const { node, shape } = tensor;
    if (node.op === PARAMETER) return this.#parameter(node.attrs.key as string, shape);
    const graph = graphOf(new Map([["y", tensor]]));
    const { y } = evaluate64(graph, {}, (key, shape) => ({
      shape,
      data: Float64Array.from(this.#parameter(key, shape)),
    }));
    return Float32Array.from(y.data);
  }

  #parameter(key: string, shape: readonly number[]): Float32Array {
    const data = this.weights(key, shape);
    if (data?.length === elements(shape)) return data;
    throw new WeightsError(
      `parameter ${key}: expected ${elements(shape)} values [${shape.join(", ")}], received ${data ? data.length : "none"}`,
      { key, expected: shape, received: data?.length },
    );
  }
}
