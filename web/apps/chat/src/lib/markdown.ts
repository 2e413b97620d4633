/**
 * The little Markdown that answers use, parsed to a tree that components render: paragraphs, headings, lists, code, bold,
 * italic, links. Nothing of it becomes HTML text, so nothing in an answer can inject any. An unfinished answer parses too.
 */
export type Inline =
  | { kind: "text" | "bold" | "italic" | "code"; text: string }
  | { kind: "link"; text: string; href: string };

export type Block =
  | { kind: "paragraph" | "heading"; inlines: Inline[] }
  | { kind: "list"; ordered: boolean; start: number; items: Inline[][] }
  | { kind: "code"; text: string };

const INLINE =
  /(?<code>`[^`\n]+`)|\*\*(?<bold>[^*\n]+)\*\*|__(?<bold2>[^_\n]+)__|(?<![\w*])\*(?<italic>[^*\s][^*\n]*)\*(?![\w*])|\[(?<label>[^\]\n]+)\]\((?<href>https?:\/\/[^)\s]+)\)|(?<url>https?:\/\/[^\s<>"'）。，]+[^\s<>"'.,;:!?)）。，])/g;

export function parseInline(text: string): Inline[] {
  const out: Inline[] = [];
  let at = 0;
  for (const match of text.matchAll(INLINE)) {
    const g = match.groups!;
    if (match.index! > at) out.push({ kind: "text", text: text.slice(at, match.index) });
    if (g.code) out.push({ kind: "code", text: g.code.slice(1, -1) });
    else if (g.bold ?? g.bold2) out.push({ kind: "bold", text: (g.bold ?? g.bold2)! });
    else if (g.italic) out.push({ kind: "italic", text: g.italic });
    else if (g.href) out.push({ kind: "link", text: g.label!, href: g.href });
    else out.push({ kind: "link", text: g.url!, href: g.url! });
    at = match.index! + match[0].length;
  }
  if (at < text.length) out.push({ kind: "text", text: text.slice(at) });
  return out;
}

export function parseMarkdown(source: string): Block[] {
  const blocks: Block[] = [];
  const lines = source.replace(/\r\n?/g, "\n").split("\n");
  let paragraph: string[] = [];
  const flush = () => {
    if (paragraph.length) blocks.push({ kind: "paragraph", inlines: parseInline(paragraph.join("\n")) });
    paragraph = [];
  };
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i];
    const heading = /^#{1,6}\s+(.+)$/.exec(line);
    const item = /^\s*(?:[-*+•]|(\d{1,3})[.)])\s+(.*)$/.exec(line);
    if (/^\s*```/.test(line)) {
      flush();
      const code: string[] = [];
      while (++i < lines.length && !/^\s*```/.test(lines[i])) code.push(lines[i]);
      blocks.push({ kind: "code", text: code.join("\n") });
    } else if (heading) {
      flush();
      blocks.push({ kind: "heading", inlines: parseInline(heading[1]) });
    } else if (item) {
      flush();
      const last = blocks[blocks.length - 1];
      const ordered = item[1] !== undefined;
      if (last?.kind === "list" && last.ordered === ordered) last.items.push(parseInline(item[2]));
      else blocks.push({ kind: "list", ordered, start: Number(item[1] ?? 1), items: [parseInline(item[2])] });
    } else if (line.trim() === "") {
      flush();
    } else {
      paragraph.push(line);
    }
  }
  flush();
  return blocks;
}
