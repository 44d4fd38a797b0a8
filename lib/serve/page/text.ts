/** `h:mm:ss.s`, or `m:ss.s` below an hour. */
export function clock(seconds: number): string {
  const tenths = Math.round(seconds * 10);
  const [h, m, s] = [Math.floor(tenths / 36000), Math.floor(tenths / 600) % 60, (tenths % 600) / 10];
  const rest = s.toFixed(1).padStart(4, "0");
  return h > 0 ? `${h}:${String(m).padStart(2, "0")}:${rest}` : `${m}:${rest}`;
}

/** The time of the day of an ISO date, as the user's language writes it. */
export const clockTime = (date: string): string => new Date(date).toLocaleTimeString();

/** The last part of a path. */
export const fileName = (path: string): string => path.split(/[\\/]/).filter(Boolean).at(-1) ?? path;

/** A score with two digits after the point; a minus that is easy to see. */
export const scoreText = (score: number): string => score.toFixed(2).replace("-", "\u2212");
