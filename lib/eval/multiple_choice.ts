/** A question of several candidate texts. */
export interface Choice {
  /** Index of the right candidate, from 0. */
  answer: number;
  /** Index of the chosen candidate, from 0; or a score of each, of which the highest is chosen. */
  predicted: number | ArrayLike<number>;
}

export interface ChoiceMetrics {
  questions: number;
  /** Share from 0 to 1. Equal highest scores count as a random pick among them. */
  accuracy: number;
}

/** Accuracy of multiple-choice question answering (MSR-VTT QA, Yu et al. 2018). */
export function choiceMetrics(choices: readonly Choice[]): ChoiceMetrics {
  let right = 0;
  for (const { answer, predicted } of choices) {
    if (typeof predicted === "number") {
      right += predicted === answer ? 1 : 0;
      continue;
    }
    const scores = Array.from(predicted);
    const best = Math.max(...scores);
    if (scores[answer] === best) right += 1 / scores.filter((score) => score === best).length;
  }
  return { questions: choices.length, accuracy: right / choices.length };
}
