/** Renders an answer's Markdown as elements; text stays text. Plain until the parser is loaded. */
import { defineComponent, h, shallowRef, type VNode } from "vue";
import type * as Markdown from "../lib/markdown";
import CodeBlock from "./CodeBlock.vue";

type Parser = typeof Markdown;
type Child = VNode | string;

const parser = shallowRef<Parser | null>(null);
let loading: Promise<void> | null = null;

/** Once a page; call it before the first answer is there. A failed attempt is made again. */
export function loadMarkdown(): Promise<void> {
  loading ??= import("../lib/markdown").then(
    (module) => void (parser.value = module),
    () => void (loading = null),
  );
  return loading;
}

const all = (md: Parser, tokens: Markdown.Token[] | undefined): Child[] => (tokens ?? []).map((token) => part(md, token as Markdown.MarkedToken));

function link(md: Parser, href: string, children: Child[]): Child {
  const safe = md.safeHref(href);
  return safe ? h("a", { href: safe, target: "_blank", rel: "noopener noreferrer" }, children) : h("span", children);
}

function table(md: Parser, { header, rows }: Markdown.Tokens.Table): VNode {
  const cell = (name: string) => (c: Markdown.Tokens.TableCell) =>
    h(name, { style: c.align ? { textAlign: c.align } : undefined, scope: name === "th" ? "col" : undefined }, all(md, c.tokens));
  const body = rows.map((row) => h("tr", row.map(cell("td"))));
  /* Wide ones scroll by themselves. */
  return h("div", { class: "table", tabindex: 0 }, h("table", [h("thead", h("tr", header.map(cell("th")))), h("tbody", body)]));
}

function list(md: Parser, { ordered, start, items }: Markdown.Tokens.List): VNode {
  const box = (item: Markdown.Tokens.ListItem) => (item.task ? [h("input", { type: "checkbox", disabled: true, checked: item.checked }), " "] : []);
  return h(
    ordered ? "ol" : "ul",
    ordered && start !== 1 ? { start } : {},
    items.map((item) => h("li", item.task ? { class: "task" } : {}, [...box(item), ...all(md, item.tokens)])),
  );
}

function part(md: Parser, token: Markdown.MarkedToken): Child {
  switch (token.type) {
    case "paragraph":
      return h("p", all(md, token.tokens));
    case "heading":
      /* The page's own headings are h1 and h2. */
      return h(`h${Math.min(token.depth + 2, 6)}`, { class: `heading d${token.depth}` }, all(md, token.tokens));
    case "code":
      return h(CodeBlock, { code: token.text, language: (token.lang ?? "").split(/\s/)[0] });
    case "list":
      return list(md, token);
    case "table":
      return table(md, token);
    case "blockquote":
      return h("blockquote", all(md, token.tokens));
    case "hr":
      return h("hr");
    case "br":
      return h("br");
    case "strong":
    case "em":
    case "del":
      return h(token.type, all(md, token.tokens));
    case "codespan":
      return h("code", token.text);
    case "link":
      return link(md, token.href, all(md, token.tokens));
    case "image":
      /* Nothing is loaded from elsewhere unless the user wants it. */
      return link(md, token.href, [token.text || token.href]);
    case "text":
      return token.tokens ? h("span", all(md, token.tokens)) : md.plain(token.text);
    case "space":
    case "def":
      return "";
    default:
      return "text" in token ? token.text : "";
  }
}

export default defineComponent({
  name: "AnswerText",
  props: { text: { type: String, required: true }, growing: Boolean },
  setup(props) {
    void loadMarkdown();
    return () => {
      const md = parser.value;
      if (!md) return h("div", { class: "answer plain-text" }, h("p", props.text));
      return h("div", { class: "answer" }, all(md, md.parseMarkdown(props.text, props.growing)));
    };
  },
});
