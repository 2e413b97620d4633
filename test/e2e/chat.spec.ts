/** The page with the real server: a typed question is answered by a talking person. */
import { expect, test, type Page } from "@playwright/test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ask, id, LOUD, mean, open, shot, stateIs, turnTimes, watchFace } from "./page";
import { ARTEFACTS, startServer, type Server } from "./server";

let server: Server;

test.beforeAll(async () => {
  mkdirSync(ARTEFACTS, { recursive: true });
  server = await startServer();
});
test.afterAll(() => server?.stop());

/** Fails the test on an error that the page did not handle. */
function watchErrors(page: Page): string[] {
  const errors: string[] = [];
  page.on("pageerror", (e) => errors.push(String(e)));
  page.on("console", (m) => m.type() === "error" && errors.push(m.text()));
  return errors;
}

function keep(name: string, value: unknown): void {
  writeFileSync(join(ARTEFACTS, name), JSON.stringify(value, null, 2) + "\n");
}

for (const [locale, question, expected] of [
  ["en-US", "What can you do?", /[a-z]{3,}/i],
  ["zh-CN", "你能做什么？", /[\u4e00-\u9fff]{3,}/],
] as const) {
  test(`answers ${locale} in text, speech and picture`, async ({ browser }) => {
    const page = await browser.newPage({ locale, viewport: { width: 1440, height: 900 } });
    const errors = watchErrors(page);
    await open(page, server.url);
    await page.evaluate(() => {
      const pieces = new Set<string>();
      const look = () => {
        const text = document.querySelector("[data-testid=assistant] .answer")?.textContent;
        if (text) pieces.add(text);
      };
      new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
      (window as unknown as { pieces: Set<string> }).pieces = pieces;
    });
    await ask(page, question);
    await stateIs(page, "speaking");
    const face = await watchFace(page, "talk", 8000, 40);
    await expect(page.locator(id("subtitle"))).toContainText(expected);
    await shot(page, `speaking-${locale}`);
    const time = () => page.evaluate(() => document.querySelector<HTMLVideoElement>("video[data-avatar=talk]")!.currentTime);
    const from = await time();
    await page.waitForTimeout(500);
    expect(await time()).toBeGreaterThan(from + 0.3);
    const ranges = await page.evaluate(() => document.querySelector<HTMLVideoElement>("video[data-avatar=talk]")!.buffered.length);
    expect(ranges, "no chunk is missing from the video").toBe(1);

    await expect(page.locator(`${id("assistant")} .answer`)).toContainText(expected);
    const texts = await page.evaluate(() => [...(window as unknown as { pieces: Set<string> }).pieces]);
    expect(texts.length, "the answer came in several pieces").toBeGreaterThan(2);
    for (let i = 1; i < texts.length - 1; i++) expect(texts[i].startsWith(texts[i - 1].trimEnd())).toBe(true);

    const loud = face.filter((f) => f.rms > LOUD);
    expect(loud.length, "there was sound").toBeGreaterThan(20);
    await page.keyboard.press("Escape");
    await stateIs(page, "idle");
    await page.waitForTimeout(500);
    const still = await watchFace(page, "idle", 2000);
    const figures = {
      frames: face.length,
      loud: loud.length,
      mouth_while_loud: mean(loud.map((f) => f.mouth)),
      mouth_while_idle: mean(still.map((f) => f.mouth)),
      forehead_while_loud: mean(loud.map((f) => f.forehead)),
    };
    keep(`mouth-${locale}.json`, figures);
    expect(still.length).toBeGreaterThan(20);
    expect(figures.mouth_while_loud).toBeGreaterThan(2.5 * figures.mouth_while_idle);
    expect(figures.mouth_while_loud).toBeGreaterThan(1.5 * figures.forehead_while_loud);
    expect(errors).toEqual([]);
    await page.close();
  });
}

test("the picture moves at once, also in the fifth answer after pauses", async ({ page }) => {
  test.setTimeout(90_000);
  const errors = watchErrors(page);
  await open(page, server.url);
  for (const question of ["Thank you", "Goodbye", "Thank you", "Goodbye", "Thank you"]) {
    await ask(page, question);
    await stateIs(page, "speaking");
    await stateIs(page, "idle", 20_000);
    await page.waitForTimeout(700);
  }
  const times = await turnTimes(page);
  keep("latency.json", times);
  console.log("ms from first bytes:", times.map((t) => `shown ${t.shown} moving ${t.moving}`).join(", "), "| asked to first bytes:", times.map((t) => t.asked_to_chunk).join(", "));
  expect(times).toHaveLength(5);
  for (const t of times) {
    expect(t.shown).toBeLessThan(1500);
    expect(t.moving).toBeLessThan(1500);
  }
  expect(await page.locator(id("latency")).count()).toBe(5);
  expect(await page.locator(`${id("assistant")}[data-state=done]`).count()).toBe(5);
  expect(await page.evaluate(() => performance.getEntriesByName("avatar:nudge").length), "nothing had to be helped on").toBe(0);
  await shot(page, "conversation");
  expect(errors).toEqual([]);
});

test("stop works in mid-sentence: nothing plays or comes on", async ({ page }) => {
  await open(page, server.url);
  await ask(page, "How do you work?");
  await stateIs(page, "speaking");
  await page.waitForTimeout(800);
  await page.locator(id("stop")).click();
  await stateIs(page, "idle", 1000);
  const talk = () =>
    page.evaluate(() => {
      const v = document.querySelector<HTMLVideoElement>("video[data-avatar=talk]")!;
      return { time: v.currentTime, paused: v.paused, opacity: Number(getComputedStyle(v).opacity) };
    });
  await page.waitForTimeout(300);
  const stopped = await talk();
  expect(stopped.paused).toBe(true);
  expect(stopped.opacity).toBeLessThan(0.01);
  await page.waitForTimeout(1000);
  expect((await talk()).time).toBe(stopped.time);
  await stateIs(page, "idle");
  await expect(page.locator(id("assistant"))).toHaveAttribute("data-state", /stopped|done/);

  /* The next answer is whole, and a new question in mid-answer takes over. */
  await ask(page, "How do you work?");
  await stateIs(page, "speaking");
  await page.waitForTimeout(500);
  await ask(page, "Goodbye");
  await expect(page.locator(id("assistant")).nth(2)).toHaveAttribute("data-state", "done");
  await stateIs(page, "speaking");
  await stateIs(page, "idle", 20_000);
});

test("the idle clip and the talk fit together: no blank picture at any moment", async ({ page }) => {
  await open(page, server.url);
  await page.evaluate(() => {
    const w = window as unknown as { blanks: number; looks: number };
    w.blanks = w.looks = 0;
    const look = () => {
      const videos = [...document.querySelectorAll<HTMLVideoElement>("video[data-avatar]")];
      w.looks++;
      if (!videos.some((v) => Number(getComputedStyle(v).opacity) > 0.98 && v.readyState >= 2)) w.blanks++;
      requestAnimationFrame(look);
    };
    look();
  });
  await ask(page, "Goodbye");
  await stateIs(page, "speaking");
  await stateIs(page, "idle", 20_000);
  await page.waitForTimeout(500);
  const { looks, blanks } = await page.evaluate(() => ({ ...(window as unknown as { blanks: number; looks: number }) }));
  expect(looks).toBeGreaterThan(50);
  expect(blanks).toBe(0);
});

test("clips are the fall-back", async ({ page }) => {
  await page.addInitScript(() => localStorage.setItem("avatar-chat.settings", '{"delivery":"clip"}'));
  await open(page, server.url);
  await ask(page, "Goodbye");
  await stateIs(page, "speaking");
  await page.waitForFunction(() => [...document.querySelectorAll<HTMLVideoElement>("[data-avatar=talk] video")].some((v) => v.currentTime > 0.5));
  await stateIs(page, "idle", 20_000);
});

test("comes back when the server was away", async ({ page }) => {
  test.setTimeout(60_000);
  const own = await startServer();
  await open(page, own.url);
  await ask(page, "How do you work?");
  await stateIs(page, "speaking");
  await own.stop("SIGKILL");
  await expect(page.locator(id("connection"))).toHaveAttribute("data-status", "lost");
  await ask(page, "Goodbye");
  await expect(page.locator(id("notices"))).toContainText("Not connected");
  await expect(page.locator(id("input"))).toHaveValue("Goodbye");
  await shot(page, "connection-lost");
  const again = await startServer(own.port);
  await expect(page.locator(id("connection"))).toHaveAttribute("data-status", "connected", { timeout: 20_000 });
  /* The new server counts its turns from anew; its first answer is not the first one on the page. */
  await page.locator(id("input")).press("Enter");
  await stateIs(page, "speaking");
  await expect(page.locator(id("assistant"))).toHaveCount(2);
  await expect(page.locator(id("assistant")).last()).toHaveAttribute("data-state", "done");
  await expect(page.locator(id("assistant")).first()).toHaveAttribute("data-state", /stopped|done/);
  await stateIs(page, "idle", 20_000);
  await again.stop();
});

test("works with the keyboard alone", async ({ page }) => {
  await open(page, server.url);
  await page.evaluate(() => (document.activeElement as HTMLElement)?.blur());
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute("data-testid") ?? "");
  for (let i = 0; i < 30 && (await focused()) !== "input"; i++) {
    await page.keyboard.press("Tab");
    const ring = await page.evaluate(() => {
      const e = document.activeElement!;
      if (e === document.body) return true; /* the round begins anew */
      const of = (x: Element) => getComputedStyle(x).outlineStyle !== "none" || getComputedStyle(x).boxShadow !== "none";
      return of(e) || (e.parentElement !== null && of(e.parentElement));
    });
    expect(ring, `focus is visible on ${await page.evaluate(() => document.activeElement!.outerHTML.slice(0, 120))}`).toBe(true);
  }
  expect(await focused()).toBe("input");
  await page.keyboard.type("How do you");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("work?");
  await expect(page.locator(id("input"))).toHaveValue("How do you\nwork?");
  await page.keyboard.press("Enter");
  await stateIs(page, "speaking");
  await page.keyboard.press("Escape");
  await stateIs(page, "idle", 1000);
  await expect(page.locator(id("announced"))).not.toBeEmpty();
  const unnamed = await page.evaluate(() =>
    [...document.querySelectorAll("button, a, textarea, input")]
      .filter((e) => !(e.getAttribute("aria-label") || e.textContent?.trim() || e.closest("label")?.textContent?.trim()))
      .map((e) => e.outerHTML.slice(0, 120)),
  );
  expect(unnamed).toEqual([]);
});

test("settings take effect and stay", async ({ page }) => {
  const errors = watchErrors(page);
  await open(page, server.url, "/settings");
  await page.locator(id("theme")).getByText("Dark").click();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
  await page.locator(id("subtitles")).click();
  const avatars = page.locator(`${id("avatars")} label`);
  const count = await avatars.count();
  expect(count).toBeGreaterThan(0);
  await avatars.nth(count - 1).click();
  await page.locator(id("voice-search")).fill("slt");
  await page.locator(id("voice-row")).first().locator("input").check();
  await shot(page, "settings-dark");
  await page.getByText("中文", { exact: true }).click();
  await expect(page.locator("html")).toHaveAttribute("lang", "zh-CN");
  const avatar = await page.locator(`${id("avatars")} input:checked`).inputValue();
  const idle = page.locator("video[data-avatar=idle]");
  await expect(idle).toHaveAttribute("data-source", new RegExp(`/${avatar}/`), { timeout: 30_000 });

  await page.reload();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
  await expect(page.locator("html")).toHaveAttribute("lang", "zh-CN");
  await expect(idle).toHaveAttribute("data-source", new RegExp(`/${avatar}/`), { timeout: 30_000 });
  await expect(page.locator(`${id("voices")} input:checked`)).toHaveValue("slt");
  await page.goto(server.url);
  await ask(page, "Goodbye");
  await stateIs(page, "speaking");
  await expect(page.locator(id("subtitle"))).toHaveCount(0);
  await shot(page, "dark-zh");
  expect(errors).toEqual([]);
});

for (const [width, height] of [[360, 640], [390, 844], [844, 390], [768, 1024], [1920, 1080]] as const) {
  test(`fits ${width}×${height}`, async ({ browser }) => {
    const page = await browser.newPage({ viewport: { width, height }, hasTouch: width < 900 });
    await open(page, server.url);
    await ask(page, "What can you do?");
    await stateIs(page, "speaking");
    await page.waitForTimeout(1200);
    await shot(page, `fits-${width}x${height}`);
    const layout = await page.evaluate(() => {
      const box = (s: string) => document.querySelector(s)!.getBoundingClientRect();
      return {
        scroll: document.documentElement.scrollWidth - innerWidth,
        stage: box(".stage"),
        input: box("[data-testid=input]"),
        screen: box("[data-testid=screen]"),
      };
    });
    expect(layout.scroll).toBeLessThanOrEqual(0);
    expect(layout.screen.height).toBeGreaterThan(0.25 * height);
    expect(layout.input.bottom).toBeLessThanOrEqual(height);
    expect(layout.input.width).toBeGreaterThan(200);
    await page.locator(id("settings-link")).click();
    await expect(page.locator(id("settings"))).toBeVisible();
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
    await page.close();
  });
}
