/**
 * Reasoning models put their thoughts before the answer, between <think> and </think> (or the like). They are shown apart from it,
 * and not spoken. A text that is still growing splits as well: an open thought goes on, a tag that is not whole yet is not shown.
 */
export interface Split {
  thoughts: string;
  answer: string;
  /** The thought is not at its end. */
  open: boolean;
}

const NAMES = "think|thinking|thought|reasoning";
const OPENING = new RegExp(`^\\s*<(${NAMES})>`, "i");
const CLOSING = new RegExp(`</(${NAMES})>`, "i");
const TAGS = NAMES.split("|").flatMap((name) => [`<${name}>`, `</${name}>`]);

/** The text without a tag at its end that is just being written. */
function whole(text: string): string {
  const at = text.lastIndexOf("<");
  const tail = text.slice(at).toLowerCase();
  return at >= 0 && TAGS.some((tag) => tag.startsWith(tail)) ? text.slice(0, at) : text;
}

export function splitThoughts(text: string, growing = false): Split {
  const opening = OPENING.exec(text);
  const rest = opening ? text.slice(opening[0].length) : text;
  const closing = CLOSING.exec(rest);
  const shown = (part: string) => (growing ? whole(part) : part);
  if (closing) {
    /* Some models are made to begin in a thought and give only its end. */
    const next = splitThoughts(rest.slice(closing.index + closing[0].length), growing);
    const thoughts = [rest.slice(0, closing.index).trim(), next.thoughts].filter(Boolean).join("\n\n");
    return { thoughts, answer: next.answer, open: next.open };
  }
  if (opening) return { thoughts: shown(rest).trim(), answer: "", open: true };
  return { thoughts: "", answer: shown(text), open: false };
}
