import { InvalidArgumentError } from "../../base/errors.js";
import type { Encoding } from "../../text/wordpiece.js";
import { probabilities } from "./text_results.js";
import type { TextRunOptions, TextRunner } from "./text_runner.js";

export interface Answer {
  /** The part of the context. */
  answer: string;
  /** Probability of its first token times that of its last, among the tokens of its window. */
  score: number;
  /** Where it stands in the context, in UTF-16 code units. */
  start: number;
  end: number;
}

export interface AnswerOptions extends TextRunOptions {
  /** Tokens of an answer at most. Default 15. */
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

/** `[CLS] question [SEP] part of the context [SEP]`, the parts overlapping where there are several. */
function windowsOf(
  { tokenizer }: TextRunner,
  maxLength: number,
  question: string,
  context: string,
  overlap: number,
): Encoding[] {
  const [asked, told] = [tokenizer.pieces(question), tokenizer.pieces(context)];
  const room = maxLength - asked.length - 3;
  if (told.length === 0) {
    throw new InvalidArgumentError("context: expected a text with words", { argument: "context" });
  }
  if (room < 1) {
    throw new InvalidArgumentError(
      `question: its ${asked.length} tokens leave no room for the context in ${maxLength}: shorten it`,
      { argument: "question" },
    );
  }
  const step = Math.max(1, room - Math.max(0, Math.min(overlap, Math.floor(room / 2))));
  const windows: Encoding[] = [];
  for (let first = 0; ; first += step) {
    windows.push(tokenizer.join([asked, told.slice(first, first + room)], told.length > room));
    if (first + room >= told.length) return windows;
  }
}
