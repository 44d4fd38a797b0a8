import { isWellFormed } from "../base/text_encoding.js";

/** A strict JSON reader for untrusted headers: duplicate keys, deep nesting and numbers other than plain integers are errors. */

export class JsonError extends Error {
  constructor(
    message: string,
    readonly at: number,
  ) {
    super(message);
  }
}

export type Json = string | number | boolean | null | Json[] | Map<string, Json>;

const MAX_DEPTH = 8;

/** Parses text that must be one JSON value, followed by spaces only. Objects become Maps; integers are below 2^53. */
export function parseStrictJson(text: string): Json {
  let at = 0;
  const fail = (message: string): never => {
    throw new JsonError(message, at);
  };
  const space = () => {
    while (at < text.length && " \t\n\r".includes(text[at])) at++;
  };
  const literal = (word: string, value: Json): Json => {
    if (!text.startsWith(word, at)) fail("unexpected character");
    at += word.length;
    return value;
  };
  const string = (): string => {
    const start = at++;
    while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
    if (at >= text.length) fail("string without an end");
    at++;
    let result: string;
    try {
      result = JSON.parse(text.slice(start, at)) as string;
    } catch {
      at = start;
      return fail("malformed string");
    }
    if (isWellFormed(result)) return result;
    at = start;
    return fail("half of a surrogate pair in a string");
  };
  const number = (): number => {
    const word = /^-?[0-9.eE+-]+/.exec(text.slice(at, at + 40))?.[0] ?? "";
    if (!/^(0|[1-9][0-9]*)$/.test(word)) fail("expected a plain non-negative integer");
    const value = Number(word);
    if (!Number.isSafeInteger(value)) fail("number above 2^53");
    at += word.length;
    return value;
  };
  const value = (depth: number): Json => {
    if (depth > MAX_DEPTH) fail("nested too deep");
    space();
    switch (text[at]) {
      case "{":
        return object(depth);
      case "[":
        return array(depth);
      case '"':
        return string();
      case "t":
        return literal("true", true);
      case "f":
        return literal("false", false);
      case "n":
        return literal("null", null);
      default:
        return number();
    }
  };
  const object = (depth: number): Map<string, Json> => {
    const map = new Map<string, Json>();
    at++;
    space();
    if (text[at] === "}") {
      at++;
      return map;
    }
    for (;;) {
      space();
      if (text[at] !== '"') fail("expected a key");
      const key = string();
      if (map.has(key)) fail(`duplicate key ${JSON.stringify(key.slice(0, 80))}`);
      space();
      if (text[at] !== ":") fail("expected a colon");
      at++;
      map.set(key, value(depth + 1));
      space();
      if (text[at] === "}") break;
      if (text[at] !== ",") fail("expected a comma or }");
      at++;
    }
    at++;
    return map;
  };
  const array = (depth: number): Json[] => {
    const list: Json[] = [];
    at++;
    space();
    if (text[at] === "]") {
      at++;
      return list;
    }
    for (;;) {
      list.push(value(depth + 1));
      space();
      if (text[at] === "]") break;
      if (text[at] !== ",") fail("expected a comma or ]");
      at++;
    }
    at++;
    return list;
  };
  const result = value(0);
  while (at < text.length && text[at] === " ") at++;
  if (at < text.length) fail("text after the end");
  return result;
}
