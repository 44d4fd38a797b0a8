import { readFileSync } from "node:fs";
import { InvalidArgumentError as InvalidOption } from "commander";
import { InvalidArgumentError, type VideoClipError } from "../base/errors.js";
import { decodeText } from "../base/text_encoding.js";

/** Parsers of option values, for commander. */
export function number(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || text.trim() === "") throw new InvalidOption("expected a number");
  return value;
}

export function aboveZero(text: string): number {
  const value = number(text);
  if (!(value > 0)) throw new InvalidOption("expected a number above 0");
  return value;
}

export function positive(text: string): number {
  const value = number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidOption("expected a positive integer");
  return value;
}

export function whole(text: string): number {
  const value = number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidOption("expected a whole number");
  return value;
}

/** A number of bytes, such as `20GB`, `512MiB` or `1000000`. */
export function byteCount(text: string): number {
  const [, digits, unit = "", binary] = /^\s*([\d.]+)\s*(?:([kmgt])(i)?)?b?\s*$/i.exec(text) ?? [];
  const value = Number(digits) * (binary ? 1024 : 1000) ** ["", "k", "m", "g", "t"].indexOf(unit.toLowerCase());
  if (!(value >= 1) || !Number.isFinite(value)) throw new InvalidOption("expected a number of bytes, such as 20GB");
  return Math.floor(value);
}

/** Collects the values of a repeated option. */
export const collect = (value: string, before: string[] = []): string[] => [...before, value];

/** Lines of a text file, without empty ones. @throws InvalidArgumentError */
export function readTexts(argument: string, path: string): string[] {
  try {
    return decodeText(readFileSync(path)).split(/\r?\n/).filter((line) => line.trim() !== ""); // prettier-ignore
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new InvalidArgumentError(`${argument}: ${path} cannot be read (${code})`, { argument, cause });
  }
}

/** Prints a line on stderr every ten seconds of long work. */
export function plainProgress(quiet: boolean | undefined, text: (values: Record<string, number>) => string) {
  let last = Date.now();
  return (values: Record<string, number>): void => {
    if (quiet || Date.now() - last < 10_000) return;
    last = Date.now();
    process.stderr.write(`${text(values)}\n`);
  };
}

/** A text for one line of a terminal: control characters, which file names may contain, are shown as `\\xNN`. */
export const printable = (text: string): string =>
  // eslint-disable-next-line no-control-regex
  text.replace(/[\x00-\x1f\x7f-\x9f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);

/** Prints the failure of one video on stderr, while others continue. */
export const failureReporter =
  (quiet?: boolean) =>
  ({ error }: { error: VideoClipError }): void => {
    if (!quiet) process.stderr.write(`failed: ${printable(error.message)} [${error.code}]\n`);
  };
