// The values of a pickle, and the allowed names.

/** A name from the allow-list. `kind` is the meaning of REDUCE on it. */
export class Global {
  constructor(
    readonly name: string,
    readonly kind: "dict" | "tensor" | "parameter" | "size" | "storage" | "dtype" | "opaque",
  ) {}
}

/** A value that is not constructed: a namespace, a numpy scalar. */
export class Opaque {
  constructor(readonly name: string) {}
}

/** A reference to a storage: `('storage', class, key, location, numel)`. */
export class StorageRef {
  constructor(
    readonly storage: Global,
    readonly key: string,
    readonly numel: number,
    readonly view: readonly [string, number, number] | null,
  ) {}
}

export class TensorRef {
  constructor(
    readonly storage: StorageRef,
    readonly offset: number,
    readonly shape: number[],
    readonly strides: number[],
  ) {}
}

export class Tuple {
  constructor(readonly items: Value[]) {}
}

export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Value[]
  | Tuple
  | Map<Value, Value>
  | Global
  | Opaque
  | StorageRef
  | TensorRef;

const STORAGES = ["Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool"];
/** Names that a weight file may contain, by `module name`. */
export const ALLOWED = new Map<string, Global>([
  ...STORAGES.map((s) => [`torch ${s}Storage`, new Global(`${s}Storage`, "storage")] as const),
  ["collections OrderedDict", new Global("OrderedDict", "dict")],
  ["torch._utils _rebuild_tensor_v2", new Global("_rebuild_tensor_v2", "tensor")],
  ["torch._utils _rebuild_parameter", new Global("_rebuild_parameter", "parameter")],
  ["torch Size", new Global("Size", "size")],
  ["argparse Namespace", new Global("argparse.Namespace", "opaque")],
  ["numpy.core.multiarray scalar", new Global("numpy scalar", "opaque")],
  ["numpy._core.multiarray scalar", new Global("numpy scalar", "opaque")],
  ["numpy dtype", new Global("numpy dtype", "opaque")],
  ["_codecs encode", new Global("_codecs.encode", "opaque")],
]);
