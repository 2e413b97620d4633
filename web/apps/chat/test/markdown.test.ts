import { createApp } from "vue";
import { describe, expect, it } from "vitest";
import AnswerText from "../src/components/AnswerText";
import { parseInline, parseMarkdown } from "../src/lib/markdown";

describe("parseInline", () => {
  it.each([
    ["plain", [{ kind: "text", text: "plain" }]],
    ["a **b** c", [{ kind: "text", text: "a " }, { kind: "bold", text: "b" }, { kind: "text", text: " c" }]],
    ["*i*", [{ kind: "italic", text: "i" }]],
    ["`x*y*`", [{ kind: "code", text: "x*y*" }]],
    ["2*3*4", [{ kind: "text", text: "2*3*4" }]],
    ["**unfinished", [{ kind: "text", text: "**unfinished" }]],
    ["[a](https://x.y/z)", [{ kind: "link", text: "a", href: "https://x.y/z" }]],
    ["[a](javascript:x)", [{ kind: "text", text: "[a](javascript:x)" }]],
    ["see https://x.y/z.", [{ kind: "text", text: "see " }, { kind: "link", text: "https://x.y/z", href: "https://x.y/z" }, { kind: "text", text: "." }]],
  ])("%s", (text, wanted) => expect(parseInline(text)).toEqual(wanted));
});

describe("parseMarkdown", () => {
  const kinds = (text: string) => parseMarkdown(text).map((b) => b.kind);
  it.each([
    ["", []],
    ["a\nb\n\nc", ["paragraph", "paragraph"]],
    ["# T\ntext", ["heading", "paragraph"]],
    ["intro\n- a\n- b\nend", ["paragraph", "list", "paragraph"]],
    ["1. a\n2. b", ["list"]],
    ["- a\n1. b", ["list", "list"]],
    ["```c\nint x;\n\ny\n```\nafter", ["code", "paragraph"]],
    ["```\nunfinished", ["code"]],
    ["3.14 is pi", ["paragraph"]],
  ])("%j", (text, wanted) => expect(kinds(text)).toEqual(wanted));

  it("keeps a list's number and its items", () => {
    expect(parseMarkdown("3. x\n4. y")).toEqual([
      { kind: "list", ordered: true, start: 3, items: [[{ kind: "text", text: "x" }], [{ kind: "text", text: "y" }]] },
    ]);
  });
});

describe("AnswerText", () => {
  it("renders text as text", () => {
    const root = document.createElement("div");
    createApp(AnswerText, { text: '<img src=x onerror="boom()"> **<b>b</b>**\n- `<i>`' }).mount(root);
    expect(root.querySelector("img, b, i")).toBeNull();
    expect(root.querySelector("strong")!.textContent).toBe("<b>b</b>");
    expect(root.querySelector("li code")!.textContent).toBe("<i>");
    expect(root.textContent).toContain('<img src=x onerror="boom()">');
  });
});
