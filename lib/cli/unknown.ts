import { describeUnknown, UnknownWords, type UnknownWordsReport } from "../text/unknown_words.js";

/** Prints the words that the model does not know on stderr. */
export function reportUnknown(report: UnknownWordsReport): void {
  if (report.count > 0) process.stderr.write(`${describeUnknown(report)}\n`);
}

/** As {@link reportUnknown}, for a list of words. */
export function reportUnknownWords(words: readonly string[]): void {
  const unknown = new UnknownWords();
  unknown.add(words);
  reportUnknown(unknown.report());
}
