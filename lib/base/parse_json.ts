/**
 * Parses JSON as people write it: a byte order mark is passed over, and NaN and Infinity (Python writes them, JSON has nothing in their
 * place) are null outside strings.
 * @throws SyntaxError
 */
export function parseJson(text: string): unknown {
  const json = text.replace(/^\uFEFF/, "");
  if (!/NaN|Infinity/.test(json)) return JSON.parse(json);
  return JSON.parse(json.replace(/("(?:[^"\\]|\\.)*")|-?(?:NaN|Infinity)/g, (_, string?: string) => string ?? "null"));
}
