import { sameShape, shapeError, type TensorType } from "../../graph/tensor.js";

/** Of global_norm: the norm of all gradients, the factor they are to be multiplied by, and 1 when the norm is finite. */
export const CONTROL_SHAPE = [3];

/**
 * Operands `first` onwards are tensors of `roles`, one group after the other, all of a group f32 of one shape.
 * @returns the groups
 */
export function tensorGroups(
  op: string,
  inputs: (TensorType | null)[],
  first: number,
  roles: readonly string[],
): TensorType[][] {
  const rest = inputs.slice(first);
  if (rest.length === 0 || rest.length % roles.length !== 0) {
    throw shapeError(op, `groups of ${roles.join(", ")}`, `${rest.length} tensors`);
  }
  const groups = Array.from({ length: rest.length / roles.length }, (_, k) =>
    rest.slice(k * roles.length, (k + 1) * roles.length),
  );
  return groups.map((group, k) =>
    group.map((x, i) => {
      if (x?.dtype === "f32" && sameShape(x.shape, group[0]!.shape)) return x;
      throw shapeError(
        op,
        `f32 ${roles[i]} ${k} [${group[0]?.shape.join(", ") ?? ""}]`,
        x ? `${x.dtype} [${x.shape.join(", ")}]` : "none",
      );
    }),
  );
}

/** Throws unless x is f32 of the shape. */
export function checkVector(op: string, name: string, x: TensorType | null, shape: readonly number[]): void {
  if (x?.dtype !== "f32" || !sameShape(x.shape, shape)) {
    throw shapeError(op, `f32 ${name} [${shape.join(", ")}]`, x ? `${x.dtype} [${x.shape.join(", ")}]` : "none");
  }
}
