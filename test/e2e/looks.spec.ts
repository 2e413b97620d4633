/**
 * How the page looks in each state, wide and narrow, light and dark, English and Chinese: takes the pictures
 * (test-artefacts/looks) and checks what can be checked without an eye: nothing is cut off, nothing sticks out, text stands
 * out from what is behind it.
 */
import { expect, test, type Page, type WebSocketRoute } from "@playwright/test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { ask, id, open, refuseSound, shot, stateIs } from "./page";
import { ARTEFACTS, startServer, type Server } from "./server";

let server: Server;

test.beforeAll(async () => {
  mkdirSync(join(ARTEFACTS, "looks"), { recursive: true });
  server = await startServer();
});
test.afterAll(() => server?.stop());

/** A line to the server that can be held (nothing comes through) and cut (and stays cut). */
async function lineOf(page: Page) {
  let [holdNext, held, cut] = [false, false, false];
  let kept: (() => void)[] = [];
  let current: WebSocketRoute | null = null;
  await page.routeWebSocket(/\/ws\//, (socket) => {
    if (cut) return void socket.close();
    current = socket;
    const upstream = socket.connectToServer();
    socket.onMessage((m) => upstream.send(m));
    upstream.onMessage((m) => {
      if (held) kept.push(() => socket.send(m));
      else socket.send(m);
      held ||= holdNext && typeof m === "string" && m.includes('"thinking"');
    });
  });
  return {
    /** Nothing comes through after the next "thinking", until `release`. */
    holdAnswer: () => void (holdNext = true),
    release: () => {
      holdNext = held = false;
      kept.forEach((send) => send());
      kept = [];
    },
    cut: async () => {
      cut = true;
      await current?.close();
    },
  };
}

/** Texts that are cut off, and visible text with less contrast than WCAG AA asks for. */
function flaws(page: Page): Promise<string[]> {
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
      if (style.display !== "inline" && e.scrollWidth > e.clientWidth + 1 && style.overflowX !== "visible") out.push(`cut off: ${text.slice(0, 60)}`);
      if (style.display !== "inline" && style.overflowX === "visible" && e.scrollWidth > e.clientWidth + 1) out.push(`sticks out: ${text.slice(0, 60)}`);
      const frame = e.closest(".ant-segmented, .panel, .stage, .top")?.getBoundingClientRect();
      if (frame && !e.closest(".topics") && (box.right > frame.right + 1 || box.left < frame.left - 1)) out.push(`beyond its panel: ${text.slice(0, 60)}`);
      const back = behind(e);
      const [a, b] = [light(over(rgba(style.color), back)), light(back)].sort((x, y) => y - x);
      const ratio = (a + 0.05) / (b + 0.05);
      if (ratio < 4.5) out.push(`contrast ${ratio.toFixed(1)}: ${text.slice(0, 60)} (${e.className})`);
    }
    if (document.documentElement.scrollWidth > innerWidth) out.push("the page is wider than the window");
    return out;
  });
}

const DESKTOP = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844 };
for (const [name, viewport, uiLanguage, theme, refuses] of [
  ["desktop-light-en", DESKTOP, "en", "light", false],
  ["desktop-dark-zh", DESKTOP, "zh-CN", "dark", true],
  ["phone-light-zh", PHONE, "zh-CN", "light", false],
  ["phone-dark-en", PHONE, "en", "dark", true],
] as const) {
  test(`looks right: ${name}`, async ({ browser }) => {
    test.setTimeout(120_000);
    const page = await browser.newPage({ viewport, hasTouch: viewport === PHONE, deviceScaleFactor: viewport === PHONE ? 2 : 1 });
    await page.addInitScript((s) => localStorage.setItem("avatar-chat.settings", s), JSON.stringify({ uiLanguage, theme }));
    if (refuses) await page.addInitScript(refuseSound);
    const line = await lineOf(page);
    const found: string[] = [];
    const look = async (state: string) => {
      await page.waitForTimeout(250);
      await shot(page, `looks/${name}-${state}`);
      found.push(...(await flaws(page)).map((f) => `${state}: ${f}`));
    };
    await open(page, server.url);
    await look("1-welcome");
    line.holdAnswer();
    await ask(page, uiLanguage === "en" ? "What can you do?" : "你能做什么？");
    await stateIs(page, "thinking");
    await look("2-thinking");
    line.release();
    await stateIs(page, "speaking");
    await page.waitForTimeout(900);
    await look("3-talking");
    await page.keyboard.press("Escape");
    await stateIs(page, "idle");
    await look("4-stopped");
    await page.locator(id("settings-link")).click();
    await expect(page.locator(id("settings"))).toBeVisible();
    await page.waitForFunction(() => [...document.querySelectorAll<HTMLImageElement>(".avatar-card img")].every((i) => i.complete && i.naturalWidth > 0));
    await look("5-settings");
    await page.locator(".settings-body").evaluate((e) => (e.scrollTop = e.scrollHeight));
    await look("6-settings-end");
    await page.locator(id("settings-link")).click();
    await line.cut();
    await expect(page.locator(id("connection"))).toHaveAttribute("data-status", "lost");
    await ask(page, uiLanguage === "en" ? "Are you there?" : "你还在吗？");
    await expect(page.locator(`${id("notices")} .notice`)).toHaveCount(1);
    await look("7-lost");
    expect(found).toEqual([]);
    await page.close();
  });
}
