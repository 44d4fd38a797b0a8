import { arrayKind } from "./typed_arrays.js";

const LONGEST = 60;

/** Any value in a few words, for errors: `[1, 3, 3]`, `"rleu"`, `a Float64Array of 6`, `a function`. Never throws. */
export function describeValue(value: unknown): string {
  try {
    return describe(value);
  } catch {
    return `a value that cannot be looked at`; // for example a revoked proxy
  }
}

function describe(value: unknown): string {
  const kind = arrayKind(value);
  if (kind) return `a ${kind} of ${(value as Float32Array).length} values`;
  switch (typeof value) {
    case "string":
      return JSON.stringify(value.length > LONGEST ? `${value.slice(0, LONGEST)}…` : value);
    case "number":
      return Object.is(value, -0) ? "-0" : String(value);
    case "bigint":
      return `${value}n`;
    case "function":
      return "a function";
    case "object":
      return value === null ? "null" : describeObject(value);
    default:
      return String(value);
  }
}

function describeObject(value: object): string {
  if (Array.isArray(value)) {
    if (value.length > 8) return `an array of ${value.length} elements`;
    return `[${Array.from(value, (v) => (typeof v === "object" && v !== null ? "an object" : describe(v))).join(", ")}]`;
  }
  const tag = Object.prototype.toString.call(value).slice("[object ".length, -1);
  const name = tag === "Object" ? value.constructor?.name : tag;
  return typeof name === "string" && name !== "" && name !== "Object" ? `an object of ${name}` : "an object";
}
