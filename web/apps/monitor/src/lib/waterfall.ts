/** A turn as steps one after the other: each lasts from the mark before it to its own. */
import { MARKS, type Mark, type TurnInfo } from "./types";

export interface Step {
  mark: Mark;
  from: number;
  to: number;
}

/**
 * Marks that are missing (a typed question has no endpoint) have no step. A mark that lies before an earlier one (what was
 * begun ahead of time) gives a step of no length.
 */
export function steps(marks: TurnInfo["marks"], last: Mark = "done"): Step[] {
  const out: Step[] = [];
  let at = 0;
  for (const mark of MARKS.slice(0, MARKS.indexOf(last) + 1)) {
    const to = marks[mark];
    if (typeof to !== "number" || !Number.isFinite(to)) continue;
    const end = Math.max(at, to);
    out.push({ mark, from: at, to: end });
    at = end;
  }
  return out;
}

/** Newest first, at most 20: what is looked for is what just happened. */
export const newest = (timeline: readonly TurnInfo[]): TurnInfo[] => [...timeline].sort((a, b) => b.turn - a.turn).slice(0, 20);
