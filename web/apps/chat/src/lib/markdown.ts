/**
 * Answers' Markdown (GitHub's kind) as a tree that AnswerText renders: marked finds the parts, no HTML is ever made of it, so nothing
 * in an answer can inject any. Loaded when the first answer is there. Differences from the standard, all for what language models
 * write and for text that is still growing:
 *   - HTML is text; underlined headings do not exist (a list that begins under a line would be one for a moment)
 *   - `**` makes bold also between CJK characters and marks, where the standard sees no word's edge
 *   - what is open at the end of a growing text is closed, so that marks do not come and go
 */
import { Marked, type MarkedToken, type Token, type Tokens } from "marked";

export type { MarkedToken, Token, Tokens };

const markdown = new Marked({
  gfm: true,
  breaks: true,
  tokenizer: { html: () => undefined, tag: () => undefined, lheading: () => undefined },
  extensions: [
    {
      name: "strong",
      level: "inline",
      start: (text) => text.indexOf("**"),
      tokenizer(text) {
        const found = /^\*\*(?![\s*])((?:\\.|`[^`\n]*`|[^*\\\n]|\*(?!\*))+?)(?<!\s)\*\*(?!\*)/.exec(text);
        return found ? { type: "strong", raw: found[0], text: found[1], tokens: this.lexer.inlineTokens(found[1]) } : undefined;
      },
    },
  ],
});

/** The address if it may be followed. */
export function safeHref(href: string): string | null {
  try {
    const { protocol } = new URL(href);
    return protocol === "https:" || protocol === "http:" || protocol === "mailto:" ? href : null;
  } catch {
    return null; /* relative: an answer has no place of its own */
  }
}

const ENTITIES: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0" };

/** The few HTML names of characters that answers have. */
export const plain = (text: string) => text.replace(/&(amp|lt|gt|quot|apos|nbsp);/g, (_all, name: string) => ENTITIES[name]);

/** Closes what the last paragraph of a growing text leaves open. An open code block needs no help. */
export function closeOpen(text: string): string {
  const fences = text.match(/^ {0,3}(```|~~~)/gm) ?? [];
  if (fences.length % 2) return text;
  const from = Math.max(text.lastIndexOf("\n\n"), text.lastIndexOf("\n- "), text.lastIndexOf("\n* "), 0);
  /* A link's address is of no use before its end; nor is a mark that has nothing behind it yet. */
  let tail = text.slice(from).replace(/!?\[([^\]\n]*)\]\([^)\n]*$/, "$1");
  tail = tail.replace(/(\*\*|`|(?<=\s)\*)$/, "");
  const bare = tail.replace(/`[^`\n]*`/g, "");
  if ((bare.match(/`/g) ?? []).length % 2) tail += "`";
  else if ((bare.match(/\*\*/g) ?? []).length % 2) tail = `${tail.trimEnd().replace(/\*$/, "")}**`;
  return text.slice(0, from) + tail;
}

export function parseMarkdown(text: string, growing = false): Token[] {
  return markdown.lexer(growing ? closeOpen(text) : text);
}
