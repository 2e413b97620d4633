/** The example of docs/web.md, as it stands there: the client package on a page of one's own. */
import { expect, test } from "@playwright/test";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { hearing, Sounds } from "./microphone";
import { shot } from "./page";
import { startServer } from "./server";

const ROOT = resolve(__dirname, "../..");
const doc = readFileSync(join(ROOT, "docs/web.md"), "utf8");

/** The example's files, and those of the client package. */
function exampleIn(folder: string, ...blocks: RegExp[]): void {
  const [html, ...scripts] = [/```html\n(.*?)```/s, ...blocks].map((block) => block.exec(doc)![1]);
  writeFileSync(join(folder, "index.html"), html);
  writeFileSync(join(folder, "talk.js"), scripts.join("\n"));
  for (const file of ["avatar-client.js", "capture.worklet.js"]) cpSync(join(ROOT, "web/packages/client/dist", file), join(folder, file));
}

const TALK = /```js\n(import \{ AvatarClient.*?)```/s;
const LISTEN = /```js\n(import \{ VoiceInput.*?)```/s;

test("the example page talks", async ({ page }) => {
  const folder = mkdtempSync(join(tmpdir(), "avatar-embed-"));
  exampleIn(folder, TALK);
  const server = await startServer(0, "--set", `server.web_dir=${folder}`);
  const errors: string[] = [];
  page.on("pageerror", (e) => errors.push(String(e)));
  page.on("console", (m) => m.type() === "error" && !/favicon/.test(m.location().url) && errors.push(m.text()));
  try {
    await page.goto(server.url);
    await expect.poll(() => page.evaluate(() => document.querySelector<HTMLVideoElement>("video[data-avatar=idle]")?.currentTime ?? 0), { timeout: 30_000 }).toBeGreaterThan(0.1);
    await page.locator("#question").fill("What can you do?");
    await page.keyboard.press("Enter");
    await expect(page.locator("#answer")).toContainText(/[a-z]{3,}/i);
    const talk = page.locator("video[data-avatar=talk]");
    await expect.poll(() => talk.evaluate((v: HTMLVideoElement) => (v.paused ? 0 : v.currentTime))).toBeGreaterThan(1.5);
    await expect(talk).toHaveCSS("opacity", "1");
    await shot(page, "embed");
    await page.locator("#stop").click();
    await expect.poll(() => talk.evaluate((v: HTMLVideoElement) => v.paused)).toBe(true);
    expect(errors).toEqual([]);
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true });
  }
});

test("the example page listens", async () => {
  const folder = mkdtempSync(join(tmpdir(), "avatar-embed-"));
  exampleIn(folder, TALK, LISTEN);
  const sounds = new Sounds();
  const browser = await hearing(sounds.say(1.5, "What is your name?"));
  const server = await startServer(0, "--set", `server.web_dir=${folder}`);
  try {
    const page = await browser.newPage();
    await page.goto(server.url);
    await page.waitForFunction(() => (document.querySelector<HTMLVideoElement>("video[data-avatar=idle]")?.currentTime ?? 0) > 0.1, null, { timeout: 30_000 });
    await page.getByText("Microphone").click();
    await expect(page.locator("#question")).toHaveValue(/what is your name/i, { timeout: 30_000 });
    await expect(page.locator("#answer")).toContainText(/[a-z]{3,}/i);
    await page.getByText("Microphone").click();
  } finally {
    await browser.close();
    await server.stop();
    sounds.remove();
    rmSync(folder, { recursive: true });
  }
});
