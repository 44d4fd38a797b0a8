// Words and phrases that this project does not use, with their replacements. docs/glossary.md defines the terms.

/**
 * @typedef {object} Rule
 * @property {RegExp} find matched with the flags of the expression
 * @property {string} instead shown in the message
 * @property {"names" | "prose"} of `names`: code without comments and strings; `prose`: comments, strings and Markdown text
 * @property {RegExp} [files] paths that the rule is for; default: all
 */

const LIB = /^(lib|bench|scripts|shapes|test)\//;
const NATIVE = /^(native|test\/native)\//;

/** @type {Rule[]} */
export const RULES = [
  // names
  { find: /\bkMost\w*/, instead: "kMax...", of: "names" },
  { find: /\b(MOST|MOST_\w+|most[A-Z]\w*(?<!Repeats))\b/, instead: "MAX_... or max...", of: "names", files: LIB },
  { find: /\b(Walk|Views)\b/, instead: "a name like StridedIterator", of: "names", files: NATIVE },
  { find: /\bDivider\b/, instead: "FastDivmod", of: "names" },
  { find: /\b(RowTeam|teams?|team_\w+)\b/, instead: "warp or block reduction", of: "names", files: NATIVE },
  { find: /\bmine\b/, instead: "this thread's value, by its name", of: "names" },
  { find: /\beverybody\b/i, instead: "all threads", of: "names" },
  { find: /\b(stretch|stretches)\b/i, instead: "split, chunk or tile", of: "names" },
  {
    find: /\b(sees|counts|visible_keys)\(/,
    instead: "attends or is_valid",
    of: "names",
    files: /^(native|test)\/.*attention/,
  },
  { find: /\bkNone\b/, instead: "-inf or a named constant", of: "names", files: NATIVE },
  {
    find: /\bcells?\b/,
    instead: "space-to-depth blocks",
    of: "names",
    files: /^((lib|test)\/(graph|ops|nn|models|onnx|native)|native)\//,
  },
  { find: /(return|=>|=)\s+stage\(/, instead: "probe(", of: "names", files: /^(lib|test)\// },
  {
    find: /\b\w*[tT]extSide\w*/,
    instead: "text encoder",
    of: "names",
    files: /^(?!lib\/(index|features\/index_text_encoder)\.ts$)/,
  },
  {
    find: /\bcontrol\b|\bCONTROL_\w+/,
    instead: "scaler state",
    of: "names",
    files: /^(lib|test)\/(graph|ops|train)\//,
  },
  { find: /\b(schedule|config|event|group)\.rate\b/, instead: "learningRate", of: "names", files: LIB },
  { find: /\bBatchAhead\b/, instead: "Prefetcher", of: "names" },
  { find: /\bIsa::cuda\b|\bdevice\.isa\b/, instead: "backend", of: "names" },
  {
    find: /\b(told\b(?=\s*[=:,;)\]}.])|(const|let) about\b)/,
    instead: "metrics, state or the name of the value",
    of: "names",
    files: LIB,
  },
  // prose
  {
    find: /\bkMost\w*|\bDivider\b|\bRowTeam\b|\bBatchAhead\b|\btext side\b|\bvideo side\b/,
    instead: "the glossary's term",
    of: "prose",
  },
  { find: /\b(what|which|that) lies\b/i, instead: "a noun: the value, the bytes, the input before ...", of: "prose" },
  { find: /\bfor who(ever)?\b|\bwhoever\b/i, instead: "a noun: the caller, the thread, the reader", of: "prose" },
  { find: /\bso many\b/i, instead: "the number, or `count`", of: "prose" },
  { find: /\bof (its|their|his|one's) own\b/i, instead: "a separate ..., its ..., or nothing", of: "prose" },
  {
    find: /\b(is|are|was|were|be|been) told\b(?! apart)|\btold (by|when|unless)\b/i,
    instead: "knows, receives, reports or follows from",
    of: "prose",
  },
  {
    find: /\beverybody\b|\bof no account\b|\bwithout a word\b/i,
    instead: "all threads; does not matter; unexpectedly",
    of: "prose",
  },
  { find: /\bat most the most\b|\ball that there is room for\b/i, instead: "the number", of: "prose" },
  { find: /\bwhose (they|it) (are|is)\b|\bwho begins\b|\bwhat it keeps\b/i, instead: "a noun and a verb", of: "prose" },
  {
    find: /\bin no particular way\b|\bmeet in no\b|\bdo not meet\b/i,
    instead: "the identity; conflict-free; no overlap",
    of: "prose",
  },
  {
    find: /\bnothing has been done with\b|\bas it lies\b|\blies there as\b/i,
    instead: "unconverted; unchanged",
    of: "prose",
  },
  { find: /\b(a|the|each|every|this|of) (stretch|stretches)\b/i, instead: "split, chunk, span or tile", of: "prose" },
  { find: /\bhow the learning rate goes\b/i, instead: "changes", of: "prose" },
];
