import { readPack } from "../../data/pack.js";
import { PackedDataset } from "../../data/packed_dataset.js";
import { type PieceTokenizer, textPieces } from "../../text/piece_ids.js";
import { describeUnknown, UnknownWords } from "../../text/unknown_words.js";
import { WordPieceTokenizer } from "../../text/wordpiece.js";

/**
 * A sentence if different texts have the same word pieces, because the tokenizer does not know words of them: no model can
 * tell them apart. None if there are no such texts.
 * @param key of the run file
 */
export function equalTexts(key: string, texts: readonly string[], tokenizer: PieceTokenizer): string[] {
  const groups = new Map<string, { texts: Set<string>; words: string[] }>();
  for (const text of new Set(texts)) {
    const { ids, unknown } = textPieces(tokenizer, text);
    if (unknown.length === 0) continue;
    const pieces = ids.join();
    let group = groups.get(pieces);
    if (!group) groups.set(pieces, (group = { texts: new Set(), words: [] }));
    group.texts.add(text);
    group.words.push(...unknown);
  }
  const equal = [...groups.values()].filter((group) => group.texts.size > 1);
  if (equal.length === 0) return [];
  const words = new UnknownWords();
  for (const group of equal) words.add(group.words);
  const count = equal.reduce((sum, group) => sum + group.texts.size, 0);
  const [one, other] = [...equal[0].texts].map((text) => JSON.stringify(text));
  return [
    `${key}: ${count} texts became equal to others, such as ${one} and ${other}: ${describeUnknown(words.report())}`,
  ];
}

/** Captions of a pack that are compared at most, so that a large pack starts at once. */
const MAX_CAPTIONS = 100_000;

/**
 * As {@link equalTexts}, of the captions of a pack, which has word pieces alone: captions with a word that the tokenizer does
 * not know and the same pieces as another.
 */
export function equalCaptionsOfPack(key: string, folder: string, tokenizer: PieceTokenizer | undefined): string[] {
  const { shards } = readPack(folder);
  if (!(tokenizer instanceof WordPieceTokenizer) || shards.every(({ unknown = 0 }) => unknown === 0)) return [];
  const counts = new Map<string, number>();
  const dataset = new PackedDataset(folder);
  let seen = 0;
  for (let video = 0; video < dataset.size && seen < MAX_CAPTIONS; video++) {
    for (const list of dataset.captions(video).ids) {
      seen++;
      const ids = Array.from(list);
      if (ids.includes(tokenizer.unknown)) counts.set(ids.join(), (counts.get(ids.join()) ?? 0) + 1);
    }
  }
  dataset.close();
  const equal = [...counts.values()].filter((count) => count > 1).reduce((sum, count) => sum + count, 0);
  if (equal === 0) return [];
  const among = seen < MAX_CAPTIONS ? "" : ` of the first ${MAX_CAPTIONS}`;
  return [`${key}: ${equal} captions${among} have the word pieces of another and words that are not in the vocabulary of the model: they became equal`]; // prettier-ignore
}
