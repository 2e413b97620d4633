/**
 * A person of a photo, made in the page: the real server and its maker, with a generator of random weights (build/fake-wav2lip)
 * where that is built. What is refused is told in the page's language; the person is used, speaks, and is removed.
 */
import { expect, test, type Page } from "@playwright/test";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { flaws } from "./flaws";
import { ask, id, open, shot, stateIs } from "./page";
import { ARTEFACTS, BIN, startServer, type Server } from "./server";

const FACES = resolve(__dirname, "../data/face");
const GENERATOR = join(dirname(BIN), "fake-wav2lip");
const data = mkdtempSync(join(tmpdir(), "avatar-chat-upload-"));
const set = (...options: string[]) => options.flatMap((option) => ["--set", option]);
let server: Server;

test.beforeAll(async () => {
  mkdirSync(join(ARTEFACTS, "upload"), { recursive: true });
  process.env.AVATAR_CHAT_DATA = data;
  const model = join(data, "wav2lip.onnx");
  if (existsSync(GENERATOR)) execFileSync(GENERATOR, [model]);
  server = await startServer(0, ...set("llm.use=[faq]", "tts.use=[flite,espeak]", "server.max_upload_mb=2", `avatar.wav2lip.model=${model}`));
  delete process.env.AVATAR_CHAT_DATA;
});
test.afterAll(async () => {
  await server?.stop();
  rmSync(data, { recursive: true, force: true });
});

const choose = (page: Page, file: string) => page.locator(id("studio-file")).setInputFiles(file);

/** Opens the dialog, with one person less or more in the list. */
async function start(page: Page, file: string, name: string): Promise<void> {
  await page.locator(id("avatar-new")).click();
  await expect(page.locator(id("studio"))).toHaveAttribute("data-stage", "form");
  await expect(page.locator(id("studio-make"))).toBeDisabled();
  await choose(page, file);
  await expect(page.locator(id("studio-shown"))).toBeVisible();
  await page.locator(id("studio-name")).fill(name);
  await page.locator(id("studio-consent")).check();
}

/** Removes a person by the button on its picture. */
async function remove(page: Page, name: string): Promise<void> {
  const place = page.locator(".avatar-place").filter({ hasText: name });
  await place.locator(id("avatar-remove")).click();
  await page.locator(id("confirm-yes")).click();
  await expect(place).toHaveCount(0, { timeout: 30_000 }); /* the session may still be opening it */
}

test("a photo becomes a person, who is used and removed", async ({ browser }) => {
  test.setTimeout(180_000);
  const page = await browser.newPage({ locale: "en-US" });
  await open(page, server.url, "/settings");
  const before = await page.locator(".avatar-place").count();
  await start(page, join(FACES, "astronaut.jpg"), "Eileen Collins");
  await page.locator(id("studio-gender-female")).check();
  await page.locator(id("studio-licence")).fill("NASA, public domain");
  await page.locator(id("studio-make")).click();
  await expect(page.locator(id("studio"))).toHaveAttribute("data-stage", "done", { timeout: 60_000 });
  await expect(page.locator(id("studio-done"))).toContainText("Eileen Collins is ready.");
  await page.waitForFunction(() => (document.querySelector<HTMLImageElement>("[data-testid=studio-preview]")?.naturalWidth ?? 0) > 100);
  await shot(page, "upload/done-en");
  await page.locator(id("studio-use")).click();
  await expect(page.locator(id("studio"))).toHaveCount(0);
  await expect(page.locator(".avatar-place")).toHaveCount(before + 1);
  await expect(page.locator("input[name=avatar]:checked")).toHaveValue("eileen-collins");

  const other = await browser.newPage(); /* everybody sees it */
  await open(other, server.url, "/settings");
  await expect(other.locator(".avatar-place").filter({ hasText: "Eileen Collins" })).toHaveCount(1);
  await other.close();
  await remove(page, "Eileen Collins");
  await expect(page.locator("input[name=avatar]:checked")).not.toHaveValue("eileen-collins");
  await page.close();
});

/** Mean change of the picture between frames, in the lower half of the face's box and in the rest of the picture's middle. */
function watchMouth(page: Page, ms: number): Promise<{ mouth: number; outside: number; frames: number }> {
  return page.evaluate(async (ms) => {
    const video = document.querySelector<HTMLVideoElement>("video[data-avatar=talk]")!;
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [128, 128];
    const context = canvas.getContext("2d", { willReadFrequently: true })!;
    let before: Uint8ClampedArray | null = null;
    const moved = new Float64Array(128 * 128);
    let [frames, last] = [0, -1];
    for (const end = performance.now() + ms; performance.now() < end; ) {
      await new Promise((next) => requestAnimationFrame(next));
      if (video.readyState < 2 || video.seeking || video.currentTime - last < 0.038) continue;
      last = video.currentTime;
      context.drawImage(video, 0, 0, 128, 128);
      const now = context.getImageData(0, 0, 128, 128).data;
      if (before) {
        for (let i = 0; i < moved.length; i++) moved[i] += Math.abs(now[4 * i + 1] - before[4 * i + 1]);
        frames++;
      }
      before = now;
    }
    /* Where it moves most is the mouth; the frame of the picture is surely not. */
    let best = -1;
    const mean = (x: number, y: number, w: number, h: number) => {
      let sum = 0;
      for (let j = y; j < y + h; j++) for (let i = x; i < x + w; i++) sum += moved[j * 128 + i];
      return sum / (w * h * Math.max(1, frames));
    };
    for (let y = 8; y < 104; y += 4)
      for (let x = 8; x < 104; x += 4) best = Math.max(best, mean(x, y, 16, 16));
    const outside = (mean(0, 0, 128, 12) + mean(0, 0, 12, 128) + mean(116, 0, 12, 128)) / 3;
    return { mouth: best, outside, frames };
  }, ms);
}

test("it speaks: the mouth moves, what is round it hardly", async ({ browser }) => {
  test.skip(!existsSync(GENERATOR), "build/fake-wav2lip is not built");
  test.setTimeout(240_000);
  const page = await browser.newPage({ locale: "en-US" });
  await open(page, server.url, "/settings");
  await start(page, join(FACES, "astronaut.jpg"), "Speaker");
  await page.locator(id("studio-make")).click();
  await page.locator(id("studio-use")).click({ timeout: 60_000 });
  await page.waitForTimeout(1500);
  await page.goto(server.url);
  await expect(page.locator(id("connection"))).toHaveAttribute("data-status", "connected");
  await ask(page, "What can you do?");
  await stateIs(page, "speaking", 60_000);
  const seen = await watchMouth(page, 6000);
  await shot(page, "upload/speaking");
  console.log("upload: mouth", seen);
  expect(seen.frames).toBeGreaterThan(10);
  expect(seen.mouth).toBeGreaterThan(0.3);
  expect(seen.mouth).toBeGreaterThan(5 * seen.outside);
  /* it is shown itself; that every second mouth is interpolated may be told: the export is not optimised here */
  for (const text of await page.locator(`${id("notices")} .notice`).allTextContents()) expect(text).toContain("every second");
  await page.keyboard.press("Escape");
  await page.locator(id("settings-link")).click();
  await remove(page, "Speaker");
  await page.close();
});

test("without the weights the page says that a drawn person is shown, before and while it speaks", async ({ browser }) => {
  test.setTimeout(180_000);
  process.env.AVATAR_CHAT_DATA = data;
  const bare = await startServer(0, ...set("llm.use=[faq]", "tts.use=[flite,espeak]", "avatar.wav2lip.model=models/none-of-the-tests.onnx"));
  delete process.env.AVATAR_CHAT_DATA;
  const page = await browser.newPage({ locale: "zh-CN", viewport: { width: 390, height: 844 } });
  await open(page, bare.url, "/settings");
  await start(page, join(FACES, "astronaut.jpg"), "柯林斯");
  await page.locator(id("studio-make")).click();
  await page.locator(id("studio-use")).click({ timeout: 60_000 });
  const note = page.locator(id("avatar-note"));
  await expect(note).toContainText("“柯林斯”暂时不能说话：将由绘制的人物代替显示。");
  await expect(note).toContainText("models/none-of-the-tests.onnx");
  await shot(page, "upload/note-zh");
  expect(await flaws(page)).toEqual([]);
  await page.locator(id("settings-link")).click();
  await ask(page, "你能做什么？");
  await expect(page.locator(`${id("notices")} .notice`)).toContainText("所选的人物无法显示，由绘制的人物代替。", { timeout: 60_000 });
  await shot(page, "upload/stand-in-zh");
  await stateIs(page, "speaking", 60_000);
  await page.keyboard.press("Escape");
  await page.locator(id("settings-link")).click();
  await remove(page, "柯林斯");
  await page.close();
  await bare.stop();
});

for (const [language, picture, code, words] of [
  ["en", "cat.jpg", "face_none", /face/],
  ["zh-CN", "cat.jpg", "face_none", /没有找到人脸/],
  ["zh-CN", "two_faces.jpg", "face_many", /不止一张脸/],
] as const) {
  test(`says why not: ${picture} in ${language}`, async ({ browser }) => {
    test.setTimeout(120_000);
    const page = await browser.newPage({ locale: language, viewport: { width: 390, height: 844 } });
    await open(page, server.url, "/settings");
    await start(page, join(FACES, picture), "Nobody");
    await page.locator(id("studio-make")).click();
    const problem = page.locator(id("studio-problem"));
    await expect(problem).toHaveAttribute("data-code", code, { timeout: 60_000 });
    await expect(problem).toContainText(words);
    await shot(page, `upload/refused-${code}-${language}`);
    expect(await flaws(page)).toEqual([]);
    await expect(page.locator(id("studio-name"))).toHaveValue("Nobody");
    await page.locator(id("studio-close")).click();
    await expect(page.locator(".avatar-place").filter({ hasText: "Nobody" })).toHaveCount(0);
    await page.close();
  });
}

test("what is no picture, and what is too large, is not even sent", async ({ browser }) => {
  const page = await browser.newPage({ locale: "zh-CN" });
  const sent: string[] = [];
  page.on("request", (r) => r.method() === "POST" && sent.push(r.url()));
  await open(page, server.url, "/settings");
  await page.locator(id("avatar-new")).click();
  const [text, large] = [join(data, "notes.txt"), join(data, "large.jpg")];
  writeFileSync(text, "no picture");
  writeFileSync(large, Buffer.alloc(2_000_001));
  await choose(page, text);
  await expect(page.locator(id("studio-problem"))).toContainText("无法读取此文件");
  await choose(page, large);
  await expect(page.locator(id("studio-problem"))).toContainText("不能超过 2 MB");
  await expect(page.locator(id("studio-make"))).toBeDisabled();
  expect(sent).toEqual([]);
  await page.close();
});

test("one that is under way is cancelled, and the form is as it was", async ({ browser }) => {
  const page = await browser.newPage({ locale: "en-US" });
  await open(page, server.url, "/settings");
  /* A job that does not end by itself. */
  const job = { job: "0123456789abcdef0123456789abcdef", state: "running", id: "x", progress: 0.4, step: "looking for the face", found: ["photo: 512 x 512 pixels"], avatar: null, problem: null };
  const calls: string[] = [];
  await page.route(/\/api\/avatars\/jobs\//, (route) => {
    calls.push(route.request().method());
    return route.request().method() === "DELETE" ? route.fulfill({ status: 204 }) : route.fulfill({ json: job });
  });
  await page.route(/\/api\/avatars\?/, (route) => route.fulfill({ status: 202, json: { ...job, state: "waiting" } }));
  await start(page, join(FACES, "astronaut.jpg"), "Never");
  await page.locator(id("studio-make")).click();
  await expect(page.locator(id("studio-step"))).toHaveText("Looking for the face…");
  await expect(page.locator(id("studio-progress"))).toHaveJSProperty("value", 40);
  await page.keyboard.press("Escape");
  await expect(page.locator(id("studio")), "Escape does not throw the work away").toBeVisible();
  await shot(page, "upload/making-en");
  await page.locator(id("studio-cancel")).click();
  await expect(page.locator(id("studio"))).toHaveAttribute("data-stage", "form");
  await expect(page.locator(id("studio-name"))).toHaveValue("Never");
  await expect.poll(() => calls.includes("DELETE")).toBe(true);
  await page.keyboard.press("Escape");
  await expect(page.locator(id("studio"))).toHaveCount(0);
  await page.close();
});

test("a photo is taken with the camera", async ({ playwright }) => {
  const browser = await playwright.chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
  });
  const page = await browser.newPage({ locale: "zh-CN" });
  await open(page, server.url, "/settings");
  await page.locator(id("avatar-new")).click();
  await page.locator(id("studio-camera")).click();
  await page.locator(id("camera-take")).click();
  await page.waitForFunction(() => (document.querySelector<HTMLImageElement>("img[data-testid=studio-shown]")?.naturalWidth ?? 0) >= 320);
  await expect(page.locator(id("studio-name"))).toHaveValue("");
  await browser.close();
});

for (const [name, width, height, language, theme] of [
  ["desktop-light-en", 1280, 800, "en", "light"],
  ["desktop-dark-zh", 1280, 800, "zh-CN", "dark"],
  ["phone-light-zh", 390, 844, "zh-CN", "light"],
  ["phone-dark-en", 390, 844, "en", "dark"],
] as const) {
  test(`looks right: ${name}`, async ({ browser }) => {
    const page = await browser.newPage({ viewport: { width, height }, deviceScaleFactor: width < 500 ? 2 : 1 });
    await page.addInitScript((s) => localStorage.setItem("avatar-chat.settings", s), JSON.stringify({ uiLanguage: language, theme }));
    await open(page, server.url, "/settings");
    await shot(page, `upload/${name}-list`);
    await page.locator(id("avatar-new")).click();
    const found: string[] = [];
    await shot(page, `upload/${name}-empty`);
    found.push(...(await flaws(page)));
    await choose(page, join(FACES, "astronaut.jpg"));
    await page.waitForFunction(() => (document.querySelector<HTMLImageElement>("img[data-testid=studio-shown]")?.naturalWidth ?? 0) > 0);
    await page.locator(id("studio-name")).fill(language === "en" ? "Eileen Collins" : "艾琳·柯林斯");
    await page.locator(id("studio-consent")).check();
    await shot(page, `upload/${name}-filled`);
    found.push(...(await flaws(page)));
    expect(found).toEqual([]);
    await page.close();
  });
}
