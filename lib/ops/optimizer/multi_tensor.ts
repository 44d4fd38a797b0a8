import { sameShape, shapeError, type TensorType } from "../../graph/tensor.js";

/** Shape of the gradient-scaler state, which global_norm computes and the ops of an optimizer read. */
export const SCALER_STATE_SHAPE = [3];

/** Elements of the gradient-scaler state: 2-norm of all gradients, factor to multiply them by, 1 when all are finite. */
export const SCALER_STATE = { norm: 0, scale: 1, finite: 2 } as const;

/**
 * Checks that the operands from `first` on are groups of one tensor per role, and that all of a group are f32 of one
 * shape.
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
