import type { Ties } from "./retrieval.js";

/** A question with several candidate texts. */
export interface Choice {
  /** Index of the right candidate, from 0. */
  answer: number;
  /** Index of the chosen candidate, from 0; or a score per candidate, of which the highest is chosen. */
  predicted: number | ArrayLike<number>;
}

export interface ChoiceMetrics {
  questions: number;
  /** Share from 0 to 1. */
  accuracy: number;
}

/**
 * Accuracy of multiple-choice question answering (MSR-VTT QA, Yu et al. 2018).
 * @param ties value of equal highest scores: the probability of a random choice among them (`expected`), 1 if the right
 * one is among them (`optimistic`), or the first of them, as in fairseq's MMPT (`mmpt`)
 */
export function choiceMetrics(choices: readonly Choice[], ties: Ties = "expected"): ChoiceMetrics {
  let right = 0;
  for (const { answer, predicted } of choices) {
    if (typeof predicted === "number") {
      right += predicted === answer ? 1 : 0;
      continue;
    }
    const scores = Array.from(predicted);
    const best = Math.max(...scores);
    if (scores[answer] !== best) continue;
    if (ties === "expected") right += 1 / scores.filter((score) => score === best).length;
    else if (ties === "optimistic" || scores.indexOf(best) === answer) right++;
  }
  return { questions: choices.length, accuracy: right / choices.length };
}
