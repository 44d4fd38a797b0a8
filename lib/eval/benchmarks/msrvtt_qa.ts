import { type MsrvttQuestion, readMsrvttQuestions } from "../../data/msrvtt.js";
import { readVideoLists, type VideoLists } from "../../data/video_list.js";
import { type Example, WITHOUT_STRIPS } from "../example.js";
import { type ChoiceMetrics, choiceMetrics } from "../multiple_choice.js";
import { itemsWithFeatures, predictEach, type PredictOptions } from "../predict_options.js";
import type { Ties } from "../retrieval.js";
import type { Benchmark } from "./benchmark.js";
import { byKey, match, writeLines } from "./submission.js";

/** Multiple choice of MSR-VTT (Yu et al. 2018). */
export const MSRVTT_QA: Benchmark<ChoiceMetrics> = {
  description: "Multiple choice of MSR-VTT: accuracy",
  truth: "MSR_MC_test.csv",
  predictions: "lines {vid_key, answer: 0 to 4} or {vid_key, scores: [5]}",
  example: "--truth MSR_MC_test.csv --predictions answers.jsonl",
  takes: ["ties"],
  score: ({ truth, predictions, ...lists }, { ties }) => scoreChoices(truth, predictions, { ...lists, ties }),
  illustrate: async ({ truth, predictions, ...lists }) => ({
    examples: await choiceExamples(truth, predictions, lists),
  }),
  predict: async ({ truth, predictions, ...lists }, options) => {
    const questions = itemsWithFeatures(await selectQuestions(truth, lists), ({ video }) => video, options);
    writeLines(predictions, await predictChoices(questions, options));
  },
};

/** The questions on the selected videos. */
async function selectQuestions(truth: string, lists: VideoLists): Promise<MsrvttQuestion[]> {
  const selected = await readVideoLists(lists);
  return (await readMsrvttQuestions(truth)).filter(({ video, key }) => selected(video, key));
}

/**
 * MSR-VTT multiple choice: MSR_MC_test.csv against lines `{"vid_key", "answer"}` or `{"vid_key", "scores": [5]}`.
 * @param options the selection of videos, and the treatment of equal scores: see {@link choiceMetrics}
 */
export async function scoreChoices(
  truth: string,
  predictions: string,
  options: VideoLists & { ties?: Ties | undefined } = {},
): Promise<ChoiceMetrics> {
  const lines = await byKey(predictions, (fields) => fields.string("vid_key"));
  const pairs = match(await selectQuestions(truth, options), (question) => question.key, lines, predictions);
  return choiceMetrics(
    pairs.map(({ item, fields }) => {
      if (!fields.has("scores")) return { answer: item.answer, predicted: fields.integer("answer") };
      const scores = fields.numbers("scores");
      if (scores.length !== item.choices.length) throw fields.error("scores", `${item.choices.length} scores`);
      return { answer: item.answer, predicted: scores };
    }),
    options.ties,
  );
}

/**
 * Multiple choice of MSR-VTT: dot products of a video with its candidate texts.
 * @returns lines of a submission: `{"vid_key", "scores"}`
 */
export function predictChoices(
  questions: readonly MsrvttQuestion[],
  options: PredictOptions,
): Promise<{ vid_key: string; scores: number[] }[]> {
  const { model, signal } = options;
  return predictEach(
    questions,
    ({ video }) => video,
    options,
    async ({ key, choices }, features) => {
      const video = await model.encodeVideo(features, { longVideos: "truncate", signal });
      const texts = await model.encodeText(choices, { signal });
      return { vid_key: key, scores: [...(await model.similarity(video, texts, { signal })).data] };
    },
  );
}

/** Questions of MSR-VTT by the margin of the right answer. */
export async function choiceExamples(truth: string, predictions: string, lists: VideoLists = {}): Promise<Example[]> {
  const lines = await byKey(predictions, (fields) => fields.string("vid_key"));
  return match(await selectQuestions(truth, lists), ({ key }) => key, lines, predictions).map(({ item, fields }) => {
    const given = fields.has("scores") ? fields.numbers("scores") : undefined;
    const scores = given ?? item.choices.map((_, i) => (i === fields.integer("answer") ? 1 : 0));
    const others = scores.filter((_, i) => i !== item.answer);
    return {
      quality: scores[item.answer] - Math.max(...others),
      title: item.key,
      lines: item.choices.map(
        (text, i) => `${i === item.answer ? "right" : "wrong"}, ${scores[i].toFixed(3)}: ${text}`,
      ),
      video: item.video,
      time: 2,
      ...WITHOUT_STRIPS,
    };
  });
}
