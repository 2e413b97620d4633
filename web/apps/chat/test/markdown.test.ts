/** Answers' Markdown and thoughts, as elements. */
import { createApp, h, nextTick, reactive } from "vue";
import { describe, expect, it } from "vitest";
import AnswerText, { loadMarkdown } from "../src/components/AnswerText";
import { i18n } from "../src/i18n";
import { closeOpen, parseMarkdown, safeHref } from "../src/lib/markdown";
import { splitThoughts } from "../src/lib/thoughts";

async function render(text: string, growing = false) {
  const root = document.createElement("div");
  const props = reactive({ text, growing });
  await loadMarkdown();
  createApp({ render: () => h(AnswerText, props) }).use(i18n).mount(root);
  return { root, props };
}
const html = async (text: string, growing = false) => (await render(text, growing)).root.querySelector(".answer")!.innerHTML.replace(/<!--.*?-->/g, "");

describe("an answer", () => {
  it.each([
    ["a\nb\n\nc", "<p>a<br>b</p><p>c</p>"],
    ["# T\ntext", '<h3 class="heading d1">T</h3><p>text</p>'],
    ["2*3*4, **b** *i* ~~d~~ `x*y*`", "<p>2<em>3</em>4, <strong>b</strong> <em>i</em> <del>d</del> <code>x*y*</code></p>"],
    ["**注意：**请看*这里*。", "<p><strong>注意：</strong>请看<em>这里</em>。</p>"],
    ["**“你好”**说", "<p><strong>“你好”</strong>说</p>"],
    ["**a `b**c` d**", "<p><strong>a <code>b**c</code> d</strong></p>"],
    ["2 ** 3 ** 4", "<p>2 ** 3 ** 4</p>"],
    ["3. x\n4. y", '<ol start="3"><li><span>x</span></li><li><span>y</span></li></ol>'],
    ["- a\n  1. b\n- c", "<ul><li><span>a</span><ol><li><span>b</span></li></ol></li><li><span>c</span></li></ul>"],
    ["Here:\n-", "<p>Here:<br>-</p>"],
    ["Title\n===", "<p>Title<br>===</p>"],
    ["> quote", "<blockquote><p>quote</p></blockquote>"],
    ["a &amp; b &lt;c&gt; &copy;", "<p>a &amp; b &lt;c&gt; &amp;copy;</p>"],
    ["3.14 is pi", "<p>3.14 is pi</p>"],
  ])("%j", async (text, wanted) => expect(await html(text)).toBe(wanted));

  it("has tables, their columns aligned, that scroll by themselves", async () => {
    const { root } = await render("| a | b |\n|---|--:|\n| 1 | **2** |");
    expect([...root.querySelectorAll("th")].map((e) => e.textContent)).toEqual(["a", "b"]);
    expect(root.querySelector<HTMLElement>("td:last-child")!.style.textAlign).toBe("right");
    expect(root.querySelector(".table td strong")!.textContent).toBe("2");
  });

  it("has code with its language and a button, also unfinished", async () => {
    const { root } = await render("```c extra\nint x;\n\n<b>", true);
    expect(root.querySelector("figcaption span")!.textContent).toBe("c");
    expect(root.querySelector("pre code")!.textContent).toBe("int x;\n\n<b>");
    expect(root.querySelector("button")).not.toBeNull();
  });

  it("makes links only of what may be followed", async () => {
    const { root } = await render("[a](https://x.y/z) [b](javascript:x) [c](/etc) <https://q.r> see https://s.t/u. ![pic](https://p.q/x.png) m@x.org [d](data:text/html,x)");
    const links = [...root.querySelectorAll("a")];
    expect(links.map((a) => a.getAttribute("href"))).toEqual(["https://x.y/z", "https://q.r", "https://s.t/u", "https://p.q/x.png", "mailto:m@x.org"]);
    for (const a of links) expect([a.target, a.rel]).toEqual(["_blank", "noopener noreferrer"]);
    expect(root.querySelector("img")).toBeNull();
    expect(root.textContent).toContain("b c");
  });

  it("renders HTML as text", async () => {
    const { root } = await render('<img src=x onerror="boom()"> **<b>b</b>**\n\n<div>\n*i*\n</div>\n\n- `<i>`');
    expect(root.querySelector("img, b, i, div div div")).toBeNull();
    expect(root.querySelector("strong")!.textContent).toBe("<b>b</b>");
    expect(root.querySelector("li code")!.textContent).toBe("<i>");
    expect(root.textContent).toContain('<img src=x onerror="boom()">');
  });

  it("grows without being made anew", async () => {
    const { root, props } = await render("One\n\nTwo **b", true);
    const [first, second] = root.querySelectorAll("p");
    props.text += "old** and\n\n- x";
    await nextTick();
    expect(root.querySelectorAll("p")[0]).toBe(first);
    expect(root.querySelectorAll("p")[1]).toBe(second);
    expect(second.innerHTML).toContain("<strong>bold</strong>");
  });
});

describe("closeOpen", () => {
  it.each([
    ["a **b", "a **b**"],
    ["a **b ", "a **b**"],
    ["a **b*", "a **b**"],
    ["a **", "a "],
    ["a `b", "a `b`"],
    ["a `b**c", "a `b**c`"],
    ["see [the docs](https://x", "see the docs"],
    ["see [1] and [2]", "see [1] and [2]"],
    ["done **b** `c`", "done **b** `c`"],
    ["**old\n\nnew", "**old\n\nnew"],
    ["```\n**x", "```\n**x"],
    ["- a\n- **b", "- a\n- **b**"],
  ])("%j → %j", (text, wanted) => expect(closeOpen(text)).toBe(wanted));
});

describe("safeHref", () => {
  it.each([["https://a", true], ["HTTP://a", true], ["mailto:a@b", true], ["javascript:a", false], [" javascript:a", false], ["//a", false], ["ftp://a", false], ["vbscript:a", false]])(
    "%s: %s", (href, wanted) => expect(safeHref(href) !== null).toBe(wanted),
  );
});

describe("parseMarkdown", () => {
  it("comes to an end with what is made to be slow", () => {
    for (const text of ["**a".repeat(2000), "[".repeat(2000), `${"`".repeat(3999)} a`, "*a _b ".repeat(1000), "> ".repeat(200)])
      expect(parseMarkdown(text, true).map((token) => token.raw).join("").length).toBeGreaterThanOrEqual(text.trimEnd().length - 2);
  });
});

describe("splitThoughts", () => {
  it.each([
    ["plain", "", "plain", false],
    ["<think>why</think>because", "why", "because", false],
    ["\n<Thinking>\nwhy\n</Thinking>\n\nbecause", "why", "\n\nbecause", false],
    ["no start</think>because", "no start", "because", false],
    ["<think>why", "why", "", true],
    ["<think>a</think><think>b</think>c", "a\n\nb", "c", false],
    ["in text <think> stays", "", "in text <think> stays", false],
    ["<think></think>x", "", "x", false],
  ])("%j", (text, thoughts, answer, open) => expect(splitThoughts(text)).toEqual({ thoughts, answer, open }));

  it("never shows a piece of a tag while it grows", () => {
    const text = "<think>why a < b</think>since 1 < 2";
    for (let n = 0; n <= text.length; n++) {
      const { thoughts, answer } = splitThoughts(text.slice(0, n), true);
      expect(thoughts + answer).not.toMatch(/<\/?t/);
    }
    expect(splitThoughts(text, true)).toEqual({ thoughts: "why a < b", answer: "since 1 < 2", open: false });
  });
});
