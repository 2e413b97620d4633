/** What can be said of a page's looks without an eye. */
import type { Page } from "@playwright/test";

/** Texts that are cut off, and visible text with less contrast than WCAG AA asks for. */
export function flaws(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const out: string[] = [];
    const rgba = (css: string) => {
      const n = (css.match(/[\d.]+/g) ?? []).map(Number);
      return css.startsWith("rgb") ? { rgb: n.slice(0, 3), a: n[3] ?? 1 } : { rgb: n.slice(0, 3).map((v) => v * 255), a: n[3] ?? 1 };
    };
    const over = (top: { rgb: number[]; a: number }, below: number[]) => top.rgb.map((v, i) => v * top.a + below[i] * (1 - top.a));
    const behind = (e: Element | null): number[] => {
      if (!e) return [255, 255, 255];
      const own = rgba(getComputedStyle(e).backgroundColor);
      if (own.a >= 0.99) return own.rgb;
      return over(own, e.matches(".stage") ? [128, 128, 128] : behind(e.parentElement));
    };
    const light = (rgb: number[]) => {
      const [r, g, b] = rgb.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    for (const e of document.querySelectorAll<HTMLElement>("#app *")) {
      const text = [...e.childNodes].filter((n) => n.nodeType === 3).map((n) => n.textContent!.trim()).join(" ").trim();
      const box = e.getBoundingClientRect();
      const style = getComputedStyle(e);
      if (!text || e.closest(".unseen, [disabled], .ant-segmented-item-disabled") || box.width < 2 || style.visibility === "hidden") continue;
      if (style.display !== "inline" && e.scrollWidth > e.clientWidth + 1 && style.overflowX !== "visible" && !(style.textOverflow === "ellipsis" && e.closest("[title]"))) out.push(`cut off: ${text.slice(0, 60)}`);
      if (style.display !== "inline" && style.overflowX === "visible" && e.scrollWidth > e.clientWidth + 1) out.push(`sticks out: ${text.slice(0, 60)}`);
      const frame = e.closest("dialog, .ant-segmented, .panel, .stage, .top")?.getBoundingClientRect();
      if (frame && !e.closest(".topics, pre, .table") && (box.right > frame.right + 1 || box.left < frame.left - 1)) out.push(`beyond its panel: ${text.slice(0, 60)}`);
      const back = behind(e);
      const [a, b] = [light(over(rgba(style.color), back)), light(back)].sort((x, y) => y - x);
      const ratio = (a + 0.05) / (b + 0.05);
      if (ratio < 4.5) out.push(`contrast ${ratio.toFixed(1)}: ${text.slice(0, 60)} (${e.className})`);
    }
    if (document.documentElement.scrollWidth > innerWidth) out.push("the page is wider than the window");
    return out;
  });
}
