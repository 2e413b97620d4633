/** What the page does when things go wrong; the scripted server shows it at will. */
import { expect, test } from "@playwright/test";
import { ask, id, open, recordAttribute, refuseSound, shot, stateIs } from "./page";
import { startMock, type Server } from "./server";

let server: Server;

test.beforeAll(async () => {
  server = await startMock();
});
test.afterAll(() => server?.stop("SIGKILL"));

const marks = (name: string) => performance.getEntriesByName(`avatar:${name}`).length;

test("a late sentence: the picture idles and goes on by itself", async ({ page }) => {
  await open(page, server.url);
  await ask(page, "slow please");
  await stateIs(page, "speaking");
  await page.waitForFunction(() => performance.getEntriesByName("avatar:dry").length === 1);
  await page.waitForFunction(() => Number(getComputedStyle(document.querySelector("video[data-avatar=talk]")!).opacity) < 0.01);
  await page.waitForFunction(() => performance.getEntriesByName("avatar:shown").length === 2);
  await stateIs(page, "idle", 15_000);
  expect(await page.evaluate(marks, "end")).toBe(1);
  expect(await page.evaluate(marks, "nudge")).toBe(0);
});

test("a failed answer is told in words, and the next one works", async ({ page }) => {
  await open(page, server.url);
  await ask(page, "fail please");
  await expect(page.locator(id("fault"))).toContainText("did not answer");
  await expect(page.locator(id("assistant"))).toHaveAttribute("data-state", "failed");
  await stateIs(page, "idle");
  await shot(page, "error");
  await ask(page, "short please");
  await stateIs(page, "speaking");
  await stateIs(page, "idle");
});

for (const [locale, words] of [["en-US", "speech synthesis: edge → flite"], ["zh-CN", "语音合成已切换：edge → flite"]]) {
  test(`a replaced engine is told in ${locale}, until it is dismissed`, async ({ browser }) => {
    const page = await browser.newPage({ locale });
    await open(page, server.url);
    await ask(page, "degrade please");
    await expect(page.locator(id("notices"))).toContainText(words);
    await page.locator(`${id("notices")} button`).click();
    await expect(page.locator(id("notices"))).toBeEmpty();
    await page.close();
  });
}

test("a socket that breaks in mid-answer: what came is played out, then the page is back", async ({ page }) => {
  await open(page, server.url);
  const statuses = await recordAttribute(page, id("connection"), "data-status");
  await ask(page, "drop please");
  await expect.poll(statuses, { timeout: 15_000 }).toEqual(["lost", "connected"]);
  await stateIs(page, "idle");
  expect(await page.evaluate(marks, "end")).toBe(1);
  expect(await page.evaluate(marks, "stopped")).toBe(0);
  await expect(page.locator(id("assistant"))).toHaveAttribute("data-state", /done|stopped/);
  await ask(page, "short please");
  await stateIs(page, "speaking");
  await stateIs(page, "idle");
});

test("without a gesture the browser refuses sound: the person talks, a button gives the sound", async ({ browser }) => {
  const page = await browser.newPage();
  await page.addInitScript(refuseSound);
  await open(page, server.url);
  await ask(page, "hello there");
  await stateIs(page, "speaking");
  const talk = page.locator("video[data-avatar=talk]");
  await expect(page.getByText("Click to hear")).toBeVisible();
  expect(await talk.evaluate((v: HTMLVideoElement) => v.muted)).toBe(true);
  await page.getByText("Click to hear").click();
  await expect(page.getByText("Click to hear")).toBeHidden();
  expect(await talk.evaluate((v: HTMLVideoElement) => v.muted)).toBe(false);
  await page.close();
});
