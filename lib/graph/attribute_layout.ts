import { describeValue } from "../base/describe_value.js";
import { VideoClipError } from "../base/errors.js";

/**
 * Type of one attribute as kernels see it: an integer, a number, a truth value, a list of fixed length, or, at the end of a
 * layout, any number of integers.
 */
export type FieldType = "int" | "float" | "bool" | `int[${number}]` | `float[${number}]` | "int[]";

/** The attributes that the kernels of an op read, in the order in which an instruction carries them. */
export type Fields = Readonly<Record<string, FieldType>>;

type ValueOf<T extends FieldType> = T extends "bool" ? boolean : T extends "int" | "float" ? number : readonly number[];

/** Values of the fields of a layout by name. */
type FieldValues<F extends Fields> = { readonly [K in keyof F]: ValueOf<F[K]> };

type AnyValues = Readonly<Record<string, unknown>>;

/** An input of an op, of which a layout reads the shape. */
interface Shaped {
  readonly shape: readonly number[];
}

/** How the attributes `A` of an op become the numbers of an instruction. See {@link layout}. */
export interface AttributeLayout<A> {
  readonly fields: Fields;
  /** The values of the fields, among others that are not sent. */
  values(attrs: A, inputs: readonly (Shaped | null)[]): AnyValues;
}

/** The type of the elements of a field, and their number: 1 for a single value, `undefined` for any number. */
export function parseField(type: FieldType): {
  element: "int" | "float" | "bool";
  count: number | undefined;
  list: boolean;
} {
  const [, element, list, count] = /^(int|float|bool)(\[(\d*)\])?$/.exec(type)!;
  const size = list === undefined ? 1 : count === "" ? undefined : Number(count);
  return { element: element as "int" | "float" | "bool", count: size, list: list !== undefined };
}

/**
 * Lays out the attributes of an op. `npm run ops:attributes` writes a C++ struct with these fields into the contract of the
 * op, so both sides know an attribute by its name alone. Ops that pass the same layout on share the struct.
 *
 * @param fields names and types, in the order of the instruction; only the last one may be `int[]`
 * @param encode gives the values where they are not attributes of the same names
 * @throws VideoClipError `ERR_INTERNAL` for a field behind a list of any length
 */
export function layout<F extends Fields>(fields: F): AttributeLayout<FieldValues<F>>;
export function layout<F extends Fields, A>(
  fields: F,
  encode: (attrs: A, inputs: readonly (Shaped | null)[]) => FieldValues<F>,
): AttributeLayout<A>;
export function layout(
  fields: Fields,
  encode: (attrs: never, inputs: readonly (Shaped | null)[]) => AnyValues = (attrs) => attrs,
): AttributeLayout<never> {
  const types = Object.values(fields);
  if (types.slice(0, -1).includes("int[]")) {
    throw new VideoClipError(
      "ERR_INTERNAL",
      "layout: expected a list of any length at the end, received one before it",
      {
        argument: "fields",
        expected: "int[] last",
        received: types,
      },
    );
  }
  return { fields, values: encode };
}

/** The numbers of one field. */
function numbers(op: string, name: string, type: FieldType, value: unknown): number[] {
  const { element, count, list } = parseField(type);
  const given: unknown[] = list ? (Array.isArray(value) ? value : []) : [value];
  const accepts =
    element === "bool"
      ? (v: unknown) => typeof v === "boolean"
      : element === "int"
        ? Number.isSafeInteger
        : (v: unknown) => typeof v === "number";
  if (list !== Array.isArray(value) || given.length !== (count ?? given.length) || !given.every(accepts)) {
    throw new VideoClipError(
      "ERR_INTERNAL",
      `${op}: attribute ${name}: expected ${type}, received ${describeValue(value)}`,
      {
        op,
        argument: name,
        expected: type,
        received: value,
      },
    );
  }
  return given.map(Number);
}

/**
 * The attributes of a node as an instruction carries them: the numbers of all fields, one behind the other.
 *
 * @throws VideoClipError `ERR_INTERNAL` where a value has not the type or the length of its field
 */
export function encodeAttributes<A>(
  op: { name: string; layout?: AttributeLayout<A> | undefined },
  attrs: A,
  inputs: readonly (Shaped | null)[],
): number[] {
  if (!op.layout) return [];
  const values = op.layout.values(attrs, inputs);
  return Object.entries(op.layout.fields).flatMap(([name, type]) => numbers(op.name, name, type, values[name]));
}
