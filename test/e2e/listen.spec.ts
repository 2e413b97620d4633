/** Speaking to the page: a browser that hears sound files, the scripted server for what is shown, the real one for the whole. */
import { expect, test, type Browser, type Page } from "@playwright/test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { hearing, hushTimes, orderOf, Sounds, watchWire, wireOf } from "./microphone";
import { ask, id, open, recordAttribute, shot, stateIs } from "./page";
import { ARTEFACTS, startMock, startServer, type Server } from "./server";

const sounds = new Sounds();
const PATIENCE = { timeout: 30_000 };

test.beforeAll(() => mkdirSync(join(ARTEFACTS, "listen"), { recursive: true }));
test.afterAll(() => sounds.remove());

const mic = (page: Page) => page.locator(id("mic"));
const picture = (page: Page, name: string) => shot(page, `listen/${name}`);

async function prepare(browser: Browser, settings: object = {}, options = {}): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, locale: "en-US", ...options });
  await page.addInitScript((json) => localStorage.getItem("avatar-chat.settings") ?? localStorage.setItem("avatar-chat.settings", json), JSON.stringify(settings));
  await watchWire(page);
  return page;
}

test.describe("with the scripted server", () => {
  let server: Server;
  let browser: Browser;
  let question = "";

  test.beforeAll(async () => {
    server = await startMock();
    question = sounds.say(1, "What can you do for me today?");
  });
  test.afterAll(() => server?.stop("SIGKILL"));
  test.afterEach(() => browser?.close());

  test("hands-free: the words stand in the conversation as they come, the answer follows, speech stops it", async () => {
    browser = await hearing(sounds.say(1, "What can you do for me today?", 2.5, "And now something else, please, my friend."));
    const page = await prepare(browser);
    await open(page, server.url);
    const states = await recordAttribute(page, id("state"), "data-state");
    await page.evaluate(() => {
      const texts: string[] = [];
      Object.assign(window, { texts });
      new MutationObserver(() => {
        const text = document.querySelector("[data-testid=user]")?.textContent?.trim();
        const hearing = document.querySelector("[data-testid=user][data-state=hearing]") ? "…" : "";
        if (text !== undefined && texts[texts.length - 1] !== text + hearing) texts.push(text + hearing);
      }).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
    });
    await mic(page).click();
    await expect(mic(page)).toHaveAttribute("aria-pressed", "true");
    await stateIs(page, "listening");
    await picture(page, "listening");
    await expect(page.locator(`${id("user")}[data-state=hearing]`)).toContainText("hello", PATIENCE);
    await picture(page, "partial");
    await expect(page.locator(`${id("user")}[data-state=done]`)).toHaveText("hello there", PATIENCE);
    await stateIs(page, "speaking", 30_000);
    await expect(page.locator(id("mic-line"))).toContainText("interrupt");
    await picture(page, "speaking");
    const texts = await page.evaluate(() => (window as unknown as { texts: string[] }).texts);
    expect(["… hello… hello there… hello there", "… hello… hello there"]).toContain(texts.join(" "));

    await expect(page.locator(id("user"))).toHaveCount(2, PATIENCE);
    await expect(page.locator(id("assistant"))).toHaveCount(2, PATIENCE);
    await stateIs(page, "speaking", 30_000);
    expect(await states()).toEqual(["listening", "thinking", "speaking", "listening", "thinking", "speaking"].flatMap((s, i, all) => (s === all[i - 1] ? [] : [s])));
    expect(await orderOf(page, "audio_start", "vad", "asr_result", "interrupted", "talk-paused")).toEqual([
      "audio_start", "vad", "vad", "asr_result", "vad", "interrupted", "talk-paused", "vad", "asr_result",
    ]);
    const [hush] = await hushTimes(page);
    console.log(`ms from the decision to silence: ${hush.toFixed(1)}`);
    expect(hush).toBeLessThan(200);
    /* What had been heard is told before the next answer begins. */
    const wire = await wireOf(page);
    const stopped = wire.findIndex((w) => w.type === "interrupted");
    const told = wire.slice(stopped).find((w) => w.type === "playback")!;
    expect(told.data).toMatchObject({ turn: 1 });
    expect(told.data.heard_ms).toBeGreaterThan(500);

    await mic(page).click();
    await expect(mic(page)).toHaveAttribute("data-status", "off");
    await expect.poll(async () => (await orderOf(page, "audio_start", "audio_end")).at(-1)).toBe("audio_end");
  });

  test("the sound goes out at the rate that is told", async () => {
    browser = await hearing(question);
    const page = await prepare(browser);
    await open(page, server.url);
    await mic(page).click();
    await expect(page.locator(`${id("user")}[data-state=done]`)).toBeVisible(PATIENCE);
    await mic(page).click();
    await expect(mic(page)).toHaveAttribute("data-status", "off");
    const wire = await wireOf(page);
    const start = wire.find((w) => w.type === "audio_start")!;
    expect(start.data).toMatchObject({ mode: "hands_free", format: "pcm_s16le", sample_rate: 16000 });
    const sound = wire.filter((w) => w.type === "binary");
    expect(sound.slice(0, -1).every((w) => w.data.bytes === 1280), "frames of 40 ms").toBe(true);
    const seconds = (sound[sound.length - 1].at - sound[0].at) / 1000;
    expect(((sound.length - 1) * 0.04) / seconds).toBeGreaterThan(0.9);
    expect(((sound.length - 1) * 0.04) / seconds).toBeLessThan(1.1);
  });

  test("without AudioWorklet, MediaRecorder sends WebM", async () => {
    browser = await hearing(question);
    const page = await prepare(browser);
    await page.addInitScript(() => Object.assign(window, { AudioWorkletNode: undefined }));
    await open(page, server.url);
    await mic(page).click();
    await expect(page.locator(id("level"))).toHaveAttribute("aria-valuenow", /[1-9]/, PATIENCE);
    await expect.poll(async () => (await orderOf(page, "binary")).length, PATIENCE).toBeGreaterThan(3);
    await mic(page).click();
    await expect(mic(page)).toHaveAttribute("data-status", "off");
    const wire = await wireOf(page);
    expect(wire.find((w) => w.type === "audio_start")!.data).toMatchObject({ format: "webm" });
    await expect.poll(async () => (await orderOf(page, "binary", "audio_end")).at(-1)).toBe("audio_end");
  });

  for (const way of ["space bar", "button", "Space on the button"] as const) {
    test(`push to talk by ${way}: what is said while it is held is one question`, async () => {
      browser = await hearing(question);
      const page = await prepare(browser, { micMode: "push_to_talk" });
      await open(page, server.url);
      if (way === "button") {
        await mic(page).hover();
        await page.mouse.down();
      } else {
        if (way !== "space bar") await mic(page).focus();
        await page.keyboard.down("Space");
      }
      await expect(mic(page)).toHaveAttribute("data-status", "on");
      await expect(page.locator(`${id("user")}[data-state=hearing]`)).toContainText("hello", PATIENCE);
      if (way === "button") await picture(page, "push-to-talk");
      if (way === "button") await page.mouse.up();
      else await page.keyboard.up("Space");
      await expect(mic(page)).toHaveAttribute("data-status", "off");
      await expect(page.locator(`${id("user")}[data-state=done]`)).toHaveText("hello there");
      await stateIs(page, "speaking");
      expect(await orderOf(page, "audio_start", "audio_end", "asr_result")).toEqual(["audio_start", "audio_end", "asr_result"]);
      expect((await wireOf(page)).find((w) => w.type === "audio_start")!.data.mode).toBe("push_to_talk");
    });
  }

  test("a space in a text is a space", async () => {
    browser = await hearing(question);
    const page = await prepare(browser, { micMode: "push_to_talk" });
    await open(page, server.url);
    await page.locator(id("input")).click();
    await page.keyboard.press("Space");
    await expect(page.locator(id("input"))).toHaveValue(" ");
    await page.locator(id("settings-link")).focus();
    await page.keyboard.press("Space");
    await expect(mic(page)).toHaveAttribute("data-status", "off");
    expect(await orderOf(page, "audio_start")).toEqual([]);
  });

  test("nothing understood is said in words", async () => {
    browser = await hearing(sounds.say(0.1));
    const page = await prepare(browser, { micMode: "push_to_talk" });
    await open(page, server.url);
    await page.keyboard.down("Space");
    await expect(page.locator(id("user"))).toHaveCount(1);
    await page.keyboard.up("Space");
    await expect(page.locator(id("mic-line"))).toContainText("did not understand");
    await expect(page.locator(id("user"))).toHaveCount(0);
    await stateIs(page, "idle");
  });

  test("listens on after the connection was away", async () => {
    browser = await hearing(sounds.say(14, "What can you do for me today?"));
    const own = await startMock();
    const page = await prepare(browser);
    await open(page, own.url);
    await mic(page).click();
    await stateIs(page, "listening");
    await own.stop("SIGKILL");
    await expect(page.locator(id("connection"))).toHaveAttribute("data-status", "lost");
    const again = await startMock({ port: own.port });
    await expect(page.locator(id("connection"))).toHaveAttribute("data-status", "connected", PATIENCE);
    await stateIs(page, "listening");
    await expect(page.locator(`${id("user")}[data-state=done]`)).toHaveText("hello there", PATIENCE);
    expect((await wireOf(page)).filter((w) => w.type === "error")).toEqual([]);
    await again.stop("SIGKILL");
  });

  test("a blocked microphone: why, and what to do", async () => {
    browser = await hearing("", { deny: true });
    for (const [name, settings, options] of [
      ["denied", {}, {}],
      ["denied-dark-phone-zh", { theme: "dark", uiLanguage: "zh-CN" }, { viewport: { width: 390, height: 844 }, hasTouch: true }],
    ] as const) {
      const page = await prepare(browser, settings, options);
      await open(page, server.url);
      await mic(page).click();
      await expect(page.locator(id("mic-help"))).toHaveAttribute("data-fault", "denied");
      await expect(page.locator(id("mic-help"))).toContainText(name === "denied" ? "Allow" : "允许");
      await picture(page, name);
      await page.locator(`${id("mic-help")} .plain`).click();
      await expect(page.locator(id("mic-help"))).toHaveCount(0);
      await expect(mic(page)).toHaveAttribute("data-status", "off");
      await page.close();
    }
  });

  test("a page without HTTPS is told that browsers want it", async () => {
    browser = await hearing(question, { args: ["--host-resolver-rules=MAP avatar.test 127.0.0.1"] });
    const page = await prepare(browser);
    await open(page, `http://avatar.test:${server.port}`);
    await mic(page).click();
    await expect(page.locator(id("mic-help"))).toHaveAttribute("data-fault", "insecure");
    await expect(page.locator(id("mic-help"))).toContainText("https://");
    await picture(page, "insecure");
    await ask(page, "short please");
    await stateIs(page, "speaking");
  });

  test("a microphone that is unplugged is told, and the next one works", async () => {
    browser = await hearing(question);
    const page = await prepare(browser);
    await page.addInitScript(() => {
      const get = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      navigator.mediaDevices.getUserMedia = async (c) => {
        const stream = await get(c);
        Object.assign(window, { unplug: () => stream.getTracks()[0].dispatchEvent(new Event("ended")) });
        return stream;
      };
    });
    await open(page, server.url);
    await mic(page).click();
    await stateIs(page, "listening");
    await page.evaluate(() => (window as unknown as { unplug: () => void }).unplug());
    await expect(page.locator(id("mic-help"))).toHaveAttribute("data-fault", "unplugged");
    await stateIs(page, "idle");
    await page.locator(`${id("mic-help")} .link`).click();
    await expect(mic(page)).toHaveAttribute("data-status", "on");
    await expect(page.locator(id("mic-help"))).toHaveCount(0);
  });

  test("a microphone that gives nothing is told", async () => {
    browser = await hearing(sounds.say(0.1));
    const page = await prepare(browser);
    await open(page, server.url);
    await mic(page).click();
    await expect(page.locator(id("mic-line"))).toContainText("No sound comes from", PATIENCE);
    await picture(page, "silent");
  });

  test("settings: device, way, sensitivity, who listens", async () => {
    browser = await hearing(sounds.say(2, "What can you do for me today?"));
    const page = await prepare(browser);
    await open(page, server.url, "/settings");
    await expect(page.locator(id("mic-engines"))).toHaveText("Listens with mock-asr (mock-vad): English");
    await page.locator(id("mic-try")).click();
    await expect(page.locator(id("level"))).toHaveAttribute("aria-valuenow", /[1-9]/, PATIENCE);
    await picture(page, "settings");
    await page.locator(id("mic-device")).click();
    await page.locator(".ant-select-item-option").last().click();
    const deviceId = await page.evaluate(() => JSON.parse(localStorage.getItem("avatar-chat.settings")!).micDevice);
    expect(deviceId).not.toBe("");
    await expect.poll(() => orderOf(page, "audio_start", "audio_end")).toEqual(["audio_start", "audio_end", "audio_start"]);
    await page.locator(`${id("mic-settings")} [role=slider]`).focus();
    await page.keyboard.press("ArrowRight");
    await expect.poll(async () => (await wireOf(page)).filter((w) => w.type === "config").at(-1)?.data.threshold).toBe(0.45);
    await page.locator(id("mic-mode")).getByText("Push to talk").click();
    await expect.poll(() => orderOf(page, "audio_start", "audio_end")).toEqual(["audio_start", "audio_end", "audio_start", "audio_end"]);
    await page.reload();
    await page.goto(server.url);
    await expect(mic(page)).toHaveAttribute("aria-label", /Hold to speak/);
  });

  test("the page's language is not understood: told while listening", async () => {
    browser = await hearing(question);
    const page = await prepare(browser, { uiLanguage: "zh-CN", theme: "dark" }, { viewport: { width: 390, height: 844 }, hasTouch: true });
    await open(page, server.url);
    await mic(page).tap();
    await expect(page.locator(id("mic-foreign"))).toContainText("英语");
    await expect(page.locator(`${id("user")}[data-state=hearing]`)).toContainText("hello", PATIENCE);
    await picture(page, "phone-dark-zh");
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
  });

  test("a server that cannot listen says why", async () => {
    browser = await hearing(question);
    const deaf = await startMock({ deaf: true });
    const page = await prepare(browser);
    await open(page, deaf.url);
    await expect(mic(page)).toBeDisabled();
    await expect(mic(page)).toHaveAttribute("title", /the model is missing; fetch it/);
    await picture(page, "deaf");
    await deaf.stop("SIGKILL");
  });
});

test.describe("with the real server", () => {
  let server: Server;
  let browser: Browser;

  test.beforeAll(async () => {
    server = await startServer();
  });
  test.afterAll(() => server?.stop());
  test.afterEach(() => browser?.close());

  /** The recogniser is loaded with the first session. */
  async function ready(page: Page): Promise<void> {
    await open(page, server.url, "/settings");
    await expect(page.locator(id("mic-engines"))).toHaveText(/^Listens with pocketsphinx \(silero\): .*English/, PATIENCE);
    await page.locator(".brand").click();
  }

  test("a spoken question is recognised and answered by a person who speaks", async () => {
    browser = await hearing(sounds.say(1.5, "What is your name?"));
    const page = await prepare(browser);
    await ready(page);
    await mic(page).click();
    await expect(page.locator(`${id("user")}[data-state=done]`)).toHaveText(/what is your name/i, PATIENCE);
    await stateIs(page, "speaking", 30_000);
    await expect(page.locator(id("subtitle"))).toContainText(/[a-z]{3,}/i);
    await page.waitForFunction(() => (document.querySelector<HTMLVideoElement>("video[data-avatar=talk]")?.currentTime ?? 0) > 1);
    await picture(page, "real-answer");
    await stateIs(page, "listening", 60_000);
    await expect(page.locator(id("assistant"))).toHaveAttribute("data-state", "done");
    await expect(page.locator(id("latency"))).toContainText("heard");
    expect(await orderOf(page, "audio_start", "vad", "asr_result", "text_done", "turn_done", "interrupted", "error")).toEqual([
      "audio_start", "vad", "vad", "asr_result", "text_done", "turn_done",
    ]);
    const wire = await wireOf(page);
    const result = wire.find((w) => w.type === "asr_result")!.data;
    const { marks } = wire.find((w) => w.type === "turn_done")!.data;
    console.log("asr_result", JSON.stringify(result), "marks", JSON.stringify(marks));
  });

  test("speech interrupts the answer; what interrupts is the next question", async () => {
    test.setTimeout(120_000);
    browser = await hearing(sounds.say(1.5, "What is your name?", 6, "Stop, what is your name?"));
    const page = await prepare(browser);
    await ready(page);
    await mic(page).click();
    await expect(page.locator(`${id("user")}[data-state=done]`)).toHaveText(/^what is your name/i, PATIENCE);
    await expect(page.locator(`${id("user")}[data-state=done]`)).toHaveCount(2, { timeout: 60_000 });
    await expect(page.locator(`${id("user")}[data-state=done]`).nth(1)).toHaveText(/stop.* what is your name/i);
    await stateIs(page, "speaking", 30_000);
    await picture(page, "real-second-answer");
    await expect(page.locator(id("assistant"))).toHaveCount(2);
    const order = await orderOf(page, "vad", "asr_result", "interrupted", "talk-paused");
    expect(order.slice(0, 8)).toEqual(["vad", "vad", "asr_result", "vad", "interrupted", "talk-paused", "vad", "asr_result"]);
    const wire = await wireOf(page);
    expect(wire.find((w) => w.type === "interrupted")!.data).toMatchObject({ turn: 1, reason: "speech" });
    expect(wire.filter((w) => w.type === "video_chunk_meta").map((w) => w.data.turn as number)).toEqual(
      wire.filter((w) => w.type === "video_chunk_meta").map((w) => w.data.turn as number).sort((a, b) => a - b),
    );
    const [hush] = await hushTimes(page);
    console.log(`ms from the decision to silence: ${hush.toFixed(1)}`);
    expect(hush).toBeLessThan(200);
  });

  test("push to talk: the question ends when the button is released", async () => {
    browser = await hearing(sounds.say(0.5, "What is your name?"));
    const page = await prepare(browser, { micMode: "push_to_talk" });
    await ready(page);
    await page.evaluate(() => (document.activeElement as HTMLElement)?.blur());
    await page.keyboard.down("Space");
    await expect(mic(page)).toHaveAttribute("data-status", "on");
    await page.waitForTimeout(3000);
    await page.keyboard.up("Space");
    await expect(page.locator(`${id("user")}[data-state=done]`)).toHaveText(/what is your name/i, PATIENCE);
    await stateIs(page, "speaking", 30_000);
    expect(await orderOf(page, "audio_start", "audio_end", "asr_result", "error")).toEqual(["audio_start", "audio_end", "asr_result"]);
  });

  test("WebM from MediaRecorder is understood, too", async () => {
    browser = await hearing(sounds.say(1.5, "What is your name?"));
    const page = await prepare(browser);
    await page.addInitScript(() => Object.assign(window, { AudioWorkletNode: undefined }));
    await ready(page);
    await mic(page).click();
    await expect(page.locator(`${id("user")}[data-state=done]`)).toHaveText(/what is your name/i, PATIENCE);
    await stateIs(page, "speaking", 30_000);
    expect((await wireOf(page)).find((w) => w.type === "audio_start")!.data.format).toBe("webm");
  });
});
