/** Choosing a voice: found, heard, chosen, kept; how fast and how high it speaks. */
import { expect, test, type Page } from "@playwright/test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { flaws } from "./flaws";
import { id, open, shot } from "./page";
import { ARTEFACTS, startMock, startServer, type Server } from "./server";

let mock: Server;
let real: Server;
test.beforeAll(async () => {
  mkdirSync(join(ARTEFACTS, "voices"), { recursive: true });
  [mock, real] = await Promise.all([startMock(), startServer()]);
});
test.afterAll(() => Promise.all([mock?.stop("SIGKILL"), real?.stop()]));

const rows = (page: Page) => page.locator(id("voice-row"));
type Sent = { type: string; data: Record<string, unknown> };

/** What each socket of the page sends, and how long each sample sounded. */
async function watch(page: Page): Promise<{ sockets: Sent[][]; samples: () => Promise<number[]> }> {
  const sockets: Sent[][] = [];
  page.on("websocket", (socket) => {
    const sent: Sent[] = [];
    sockets.push(sent);
    socket.on("framesent", ({ payload }) => typeof payload === "string" && sent.push(JSON.parse(payload)));
  });
  await page.addInitScript(() => {
    const w = window as unknown as { samples: number[] };
    w.samples = [];
    const play = HTMLMediaElement.prototype.play;
    HTMLMediaElement.prototype.play = function () {
      if (this instanceof HTMLAudioElement) this.addEventListener("ended", () => w.samples.push(this.currentTime), { once: true });
      return play.call(this);
    };
  });
  return { sockets, samples: () => page.evaluate(() => (window as unknown as { samples: number[] }).samples) };
}

test("a voice is found by its name, its language and its engine", async ({ browser }) => {
  const page = await browser.newPage({ locale: "en-US" });
  await open(page, mock.url, "/settings");
  await expect(rows(page)).toHaveCount(3);
  for (const [search, count] of [["sl", 1], ["english", 2], ["chinese", 1], ["flite male", 1], ["zh", 1], ["nobody", 0]] as const) {
    await page.locator(id("voice-search")).fill(search);
    await expect(rows(page)).toHaveCount(count);
  }
  await expect(page.locator(id("voices"))).toContainText("No voice matches");
  await page.keyboard.press("Escape");
  await expect(rows(page)).toHaveCount(3);
  await expect(page.locator(id("settings")), "Escape emptied the search, no more").toBeVisible();
  await page.close();
});

test("a sample is heard in a session of its own, and stopped by a second press", async ({ browser }) => {
  const page = await browser.newPage({ locale: "en-US" });
  const { sockets, samples } = await watch(page);
  await open(page, mock.url, "/settings");
  const button = rows(page).filter({ hasText: "RMS" }).locator(id("voice-play"));
  await button.click();
  await expect(button).toHaveAttribute("data-playing", "true");
  await expect(button).toHaveAttribute("data-playing", "false");
  expect((await samples())[0]).toBeGreaterThan(1.8);
  expect(sockets).toHaveLength(2);
  const [hello, say] = sockets[1];
  expect([hello.type, hello.data.voice, hello.data.delivery, hello.data.client, say.type]).toEqual(["hello", "rms", "clip", undefined, "say"]);
  expect(sockets[0].filter((m) => m.type !== "hello"), "the conversation knows nothing of it").toEqual([]);

  await button.click();
  await expect(button).toHaveAttribute("data-playing", "true");
  await page.waitForTimeout(300);
  await button.click();
  await expect(button).toHaveAttribute("data-playing", "false");
  const failing = rows(page).filter({ hasText: "Mandarin" }).locator(id("voice-play"));
  await failing.click();
  await expect(page.locator(id("voice-fault"))).toContainText("did not answer");
  expect(await samples()).toHaveLength(1);
  await expect(page.locator(`${id("voices")} input:checked`), "to hear one is not to choose it").toHaveValue("");
  await page.close();
});

test("rate and pitch are told, kept and reset", async ({ page }) => {
  const { sockets } = await watch(page);
  await open(page, mock.url, "/settings");
  await rows(page).filter({ hasText: "SLT" }).locator("input").check();
  const sliders = page.getByRole("slider");
  await sliders.nth(0).focus();
  for (let i = 0; i < 10; i++) await page.keyboard.press("ArrowRight");
  await sliders.nth(1).focus();
  for (let i = 0; i < 4; i++) await page.keyboard.press("ArrowLeft");
  const told = () => sockets[0].filter((m) => m.type === "config").map(({ data }) => [data.voice, data.rate, data.pitch]);
  await expect.poll(async () => told().at(-1)).toEqual(["slt", 1.5, 0.8]);
  expect(told().length, "not each step").toBeLessThan(8);
  await page.reload();
  await expect(page.locator(`${id("voices")} input:checked`)).toHaveValue("slt");
  await expect(sliders.nth(0)).toHaveAttribute("aria-valuenow", "1.5");
  await page.locator(id("reset-rate")).click();
  await page.locator(id("reset-pitch")).click();
  await expect(page.locator(id("reset-rate"))).toHaveCount(0);
  await expect.poll(async () => sockets[1].filter((m) => m.type === "config").map(({ data }) => [data.rate, data.pitch]).at(-1)).toEqual([1, 1]);
});

test("the real server speaks a sample", async ({ page }) => {
  const { samples } = await watch(page);
  await open(page, real.url, "/settings");
  await page.locator(id("voice-search")).fill("slt");
  const button = rows(page).first().locator(id("voice-play"));
  await button.click();
  await expect(button).toHaveAttribute("data-playing", "true");
  await expect(button).toHaveAttribute("data-playing", "false", { timeout: 20_000 });
  await expect(page.locator(id("voice-fault"))).toHaveCount(0);
  const heard = await samples();
  expect(heard.reduce((sum, s) => sum + s, 0)).toBeGreaterThan(1);
});

for (const [name, width, height, uiLanguage, theme] of [
  ["desktop-light-en", 1440, 900, "en", "light"],
  ["desktop-dark-zh", 1440, 900, "zh-CN", "dark"],
  ["phone-dark-en", 390, 844, "en", "dark"],
  ["phone-light-zh", 390, 844, "zh-CN", "light"],
] as const) {
  test(`looks right: ${name}`, async ({ browser }) => {
    const page = await browser.newPage({ viewport: { width, height }, deviceScaleFactor: width < 500 ? 2 : 1 });
    await page.addInitScript((s) => localStorage.setItem("avatar-chat.settings", s), JSON.stringify({ uiLanguage, theme, rate: 1.25, voice: "slt" }));
    await open(page, real.url, "/settings");
    await expect(page.locator(`${id("voices")} input:checked`)).toHaveCount(1);
    await page.locator(id("voices")).scrollIntoViewIfNeeded();
    const found: string[] = [];
    for (const search of ["", uiLanguage === "en" ? "german" : "德语"]) {
      await page.locator(id("voice-search")).fill(search);
      await page.waitForTimeout(300);
      await shot(page, `voices/${name}-${search ? "search" : "all"}`);
      found.push(...(await flaws(page)));
    }
    expect(found).toEqual([]);
    await page.close();
  });
}
