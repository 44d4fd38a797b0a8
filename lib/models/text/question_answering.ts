import { InvalidArgumentError } from "../../base/errors.js";
import type { Encoding } from "../../text/wordpiece.js";
import { probabilities } from "./text_results.js";
import type { TextRunOptions, TextRunner } from "./text_runner.js";

export interface Answer {
  /** The answer, a part of the context. */
  answer: string;
  /** Probability of its first token times that of its last, among the tokens of its window. */
  score: number;
  /** Position in the context, in UTF-16 code units. */
  start: number;
  end: number;
}

export interface AnswerOptions extends TextRunOptions {
  /** Maximum tokens of an answer. Default 15. */
  maxAnswerTokens?: number | undefined;
  /** Tokens that neighbouring windows of a long context share. Default 128, at most half of a window. */
  overlap?: number | undefined;
}

/** @internal */
export async function answerQuestion(
  runner: TextRunner,
  maxLength: number,
  question: string,
  context: string,
  options: AnswerOptions,
): Promise<Answer> {
  const { maxAnswerTokens = 15 } = options;
  if (!Number.isInteger(maxAnswerTokens) || maxAnswerTokens < 1) {
    throw new InvalidArgumentError(`maxAnswerTokens: expected a positive integer, received ${maxAnswerTokens}`, {
      argument: "maxAnswerTokens",
    });
  }
  const windows = windowsOf(runner, maxLength, question, context, options.overlap ?? 128);
  const logits = await runner.run("span", windows, options);
  let best: Answer | undefined;
  windows.forEach((window, w) => {
    const own = window.texts.flatMap((text, i) => (text === 1 ? [i] : []));
    const [starts, ends] = [0, 1].map((side) => probabilities(Float32Array.from(own, (i) => logits[w][2 * i + side])));
    for (let i = 0; i < own.length; i++) {
      for (let j = i; j < Math.min(own.length, i + maxAnswerTokens); j++) {
        const score = starts[i] * ends[j];
        if (best && score <= best.score) continue;
        const [start, end] = [window.offsets[own[i]][0], window.offsets[own[j]][1]];
        best = { answer: context.slice(start, end), score, start, end };
      }
    }
  });
  return best!;
}

/** `[CLS] question [SEP] part of the context [SEP]`; the parts overlap. */
function windowsOf(
  { tokenizer }: TextRunner,
  maxLength: number,
  question: string,
  context: string,
  overlap: number,
): Encoding[] {
  const [queryPieces, contextPieces] = [tokenizer.pieces(question), tokenizer.pieces(context)];
  const room = maxLength - queryPieces.length - 3;
  if (contextPieces.length === 0) {
    throw new InvalidArgumentError("context: expected a text with words", { argument: "context" });
  }
  if (room < 1) {
    throw new InvalidArgumentError(
      `question: its ${queryPieces.length} tokens leave no room for the context in ${maxLength}: shorten it`,
      { argument: "question" },
    );
  }
  const step = Math.max(1, room - Math.max(0, Math.min(overlap, Math.floor(room / 2))));
  const windows: Encoding[] = [];
  for (let first = 0; ; first += step) {
    windows.push(tokenizer.join([queryPieces, contextPieces.slice(first, first + room)], contextPieces.length > room));
    if (first + room >= contextPieces.length) return windows;
  }
}
