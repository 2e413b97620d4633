/**
 * How the page looks in each state, wide and narrow, light and dark, English and Chinese: takes the pictures
 * (test-artefacts/looks) and checks what can be checked without an eye: nothing is cut off, nothing sticks out, text stands
 * out from what is behind it.
 */
import { expect, test, type Page, type WebSocketRoute } from "@playwright/test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { flaws } from "./flaws";
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
