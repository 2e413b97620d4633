/** Renders an answer's light Markdown as elements; text stays text. */
import { defineComponent, h, type VNode } from "vue";
import { parseMarkdown, type Block, type Inline } from "../lib/markdown";

function inline(part: Inline): VNode | string {
  switch (part.kind) {
    case "bold":
      return h("strong", part.text);
    case "italic":
      return h("em", part.text);
    case "code":
      return h("code", part.text);
    case "link":
      return h("a", { href: part.href, target: "_blank", rel: "noopener noreferrer" }, part.text);
    default:
      return part.text;
  }
}

function block(part: Block): VNode {
  switch (part.kind) {
    case "code":
      return h("pre", { tabindex: 0 }, h("code", part.text));
    case "list":
      return h(
        part.ordered ? "ol" : "ul",
        part.ordered && part.start !== 1 ? { start: part.start } : {},
        part.items.map((item) => h("li", item.map(inline))),
      );
    case "heading":
      return h("p", { class: "heading" }, part.inlines.map(inline));
    default:
      return h("p", part.inlines.map(inline));
  }
}

export default defineComponent({
  name: "AnswerText",
  props: { text: { type: String, required: true } },
  setup: (props) => () => h("div", { class: "answer" }, parseMarkdown(props.text).map(block)),
});
