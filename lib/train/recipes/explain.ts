import type { z } from "zod";
import { suggestion } from "../../base/suggest.js";
import { type JsonSchema, trainConfigSchema } from "./json_schema.js";

type Issue = z.core.$ZodIssue;

/** Describes the faults of a value, one text each: the key, the expected and the received value. */
export function explain(issues: readonly Issue[], value: unknown): string[] {
  return issues.flatMap((issue) => explainIssue(issue, value));
}

function explainIssue(issue: Issue, value: unknown): string[] {
  if (issue.code === "unrecognized_keys") return issue.keys.map((key) => unknownKey(key, issue.path, value));
  if (issue.code === "invalid_union" && issue.errors.length > 0) return explainUnion(issue, issue.errors, value);
  const at = issue.path.join(".") || "the file";
  return [`${at}: expected ${expected(issue)}, received ${shown(valueAt(value, issue.path))}`];
}

/** The faults of the alternative that the value most likely means; all alternatives if its type is that of none. */
function explainUnion(issue: Issue, alternatives: readonly Issue[][], value: unknown): string[] {
  const within = (errors: readonly Issue[]) =>
    errors.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }) as Issue);
  const meant = alternatives.find((errors) =>
    errors.every(({ path, code }) => path.length > 0 || code === "unrecognized_keys"),
  );
  if (meant) return explain(within(meant), value);
  const kinds = alternatives.map(([first]) => expected(first));
  return [`${issue.path.join(".")}: expected ${kinds.join(" or ")}, received ${shown(valueAt(value, issue.path))}`];
}

/** Describes a valid value. */
function expected(issue: Issue): string {
  switch (issue.code) {
    case "invalid_type":
      return TYPES[issue.expected] ?? issue.expected;
    case "invalid_value":
      return list(issue.values.map(String));
    case "invalid_union":
      return list((issue as { options?: string[] }).options ?? []);
    case "too_small":
      if (issue.origin === "string") return issue.message; // the schema describes the text
      if (issue.origin === "array") return `at least ${issue.minimum} values`;
      return issue.inclusive ? `a number of at least ${issue.minimum}` : `a number above ${issue.minimum}`;
    case "too_big":
      if (issue.origin === "array") return `at most ${issue.maximum} values`;
      return issue.inclusive ? `a number of at most ${issue.maximum}` : `a number below ${issue.maximum}`;
    default:
      return issue.message;
  }
}

const TYPES: Record<string, string> = {
  number: "a number",
  int: "an integer",
  string: "a string",
  boolean: "true or false",
  object: "an object",
  record: "an object",
  array: "a list",
  tuple: "a list",
};

const list = (names: readonly string[]): string =>
  names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} or ${names[names.length - 1]}`;

/** A value in the syntax of the file, shortened. */
function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  // JSON has no infinity, which a number beyond the range of floats becomes
  const text = typeof value === "number" ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let at = value;
  for (const key of path) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, key)) return undefined;
    at = (at as Record<PropertyKey, unknown>)[key];
  }
  return at;
}

/** The unknown key and the closest key that is allowed there. */
function unknownKey(key: string, path: readonly PropertyKey[], value: unknown): string {
  const known = keysAt(trainConfigSchema(), [...path], value).filter((name) => name !== "$schema");
  const name = [...path, key].join(".");
  return `${name}: unknown key${suggestion(key, known)}`;
}

/** Keys that the schema allows at a path, in the alternative whose constants the value has. */
function keysAt(schema: JsonSchema, path: readonly PropertyKey[], value: unknown): string[] {
  const own = (value ?? {}) as Record<PropertyKey, unknown>;
  const fits = ({ properties = {} }: JsonSchema) =>
    Object.entries(properties).every(([key, rule]) => rule.const === undefined || rule.const === own[key]);
  const options = [schema, ...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].filter(fits);
  if (path.length === 0) return [...new Set(options.flatMap((option) => Object.keys(option.properties ?? {})))];
  const [first, ...rest] = path;
  return options.flatMap((option) => {
    const next = typeof first === "number" ? option.items : option.properties?.[String(first)];
    return next && !Array.isArray(next) ? keysAt(next, rest, own[first]) : [];
  });
}
