import { WeightsError } from "../base/errors.js";
import { evaluate64 } from "../graph/evaluate64.js";
import { elements, type Node, type Tensor } from "../graph/tensor.js";
import { graphOf, INPUT, PARAMETER } from "../graph/trace.js";

/** Returns the values of a parameter by its published key, float32 in that shape: such as `(key) => store.get(key)`. */
export type OnnxWeights = (key: string, shape: readonly number[]) => Float32Array;

/**
 * Values that depend on parameters alone, such as folded weights and biases. The float64 references compute them, and
 * they are rounded to float32 once, while the file is written.
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

  /**
   * Name of a constant: the key of a parameter; for a computed value the key of its first parameter and the operations.
   */
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
