/**
 * Parses JSON leniently: a byte order mark is skipped, and NaN and Infinity outside strings (Python writes them, JSON
 * lacks them) are null.
 * @throws SyntaxError
 */
export function parseJson(text: string): unknown {
  const json = text.replace(/^\uFEFF/, "");
  if (!/NaN|Infinity/.test(json)) return JSON.parse(json);
  return JSON.parse(json.replace(/("(?:[^"\\]|\\.)*")|-?(?:NaN|Infinity)/g, (_, string?: string) => string ?? "null"));
}
