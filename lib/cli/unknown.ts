import { describeUnknown, UnknownWords, type UnknownWordsReport } from "../text/unknown_words.js";

/** Says on stderr which words the model does not know. */
export function reportUnknown(report: UnknownWordsReport): void {
  if (report.count > 0) process.stderr.write(`${describeUnknown(report)}\n`);
}

/** As {@link reportUnknown}, of a list of words. */
export function reportUnknownWords(words: readonly string[]): void {
  const unknown = new UnknownWords();
  unknown.add(words);
  reportUnknown(unknown.report());
}
