/** Subtitles: each word lights up when it is said, by the picture's own clock. */
import { expect, test, type Page } from "@playwright/test";
import { ask, id, open, stateIs } from "./page";
import { startMock, type Server } from "./server";

let server: Server;
test.beforeAll(async () => {
  server = await startMock();
});
test.afterAll(() => server?.stop("SIGKILL"));

/** One look at the screen: media time in milliseconds, the subtitle, the word that is lit (from 0; -1 none), and how many are said. */
interface Look {
  at: number;
  text: string;
  word: number;
  said: number;
}

/** Looks at each frame until the answer is over; once, `pauseMs` after the first word, the picture is stopped for 700 ms. */
function looks(page: Page, pauseMs: number): Promise<Look[]> {
  return page.evaluate(async (pauseMs) => {
    const video = document.querySelector<HTMLVideoElement>("video[data-avatar=talk]")!;
    const out: Look[] = [];
    let paused = false;
    for (let idle = 0; idle < 30; ) {
      await new Promise((next) => requestAnimationFrame(next));
      const line = document.querySelector("[data-testid=subtitle]");
      idle = line || out.length === 0 ? 0 : idle + 1;
      if (!line || video.seeking) continue;
      const words = [...line.children];
      const at = video.currentTime * 1000;
      out.push({ at, text: line.textContent!, word: words.findIndex((w) => w.classList.contains("now")), said: words.filter((w) => w.classList.contains("said")).length });
      if (pauseMs && !paused && at - out[0].at > pauseMs) {
        paused = true;
        video.pause();
        setTimeout(() => void video.play(), 700);
      }
    }
    return out;
  }, pauseMs);
}

const FIRST = "This is the **first** sentence of a scripted answer,";

for (const [name, pauseMs] of [["", 0], [", also after a pause", 900]] as const) {
  test(`words light up when they are said${name}`, async ({ page }) => {
    await open(page, server.url);
    await ask(page, "hello there");
    const seen = await looks(page, pauseMs);
    await stateIs(page, "idle");
    const texts = [...new Set(seen.map((l) => l.text))];
    expect(texts.map((t) => t.split(" ").length)).toEqual([9, 9, 8]);
    const first = seen.filter((l) => l.text === FIRST);
    for (const look of first) expect(look.said).toBe(look.word + 1);
    const begins = [...new Set(first.map((l) => l.word))].filter((w) => w >= 0).map((word) => [word, first.find((l) => l.word === word)!.at] as const);
    expect(begins.map(([word]) => word), "each word, in order").toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    /* The turn's place in the media's timeline is where the first word begins. */
    const start = begins[1][1] - 2000 / 9;
    for (const [word, at] of begins.slice(1)) expect(Math.abs(at - start - (word * 2000) / 9), `word ${word}`).toBeLessThan(120);
    const second = seen.find((l) => l.text !== FIRST)!;
    expect(Math.abs(second.at - start - 2000)).toBeLessThan(160);
  });
}

test("a sentence without the times of its words is shown as it is", async ({ page }) => {
  await open(page, server.url);
  await ask(page, "plain please");
  await stateIs(page, "speaking");
  await expect(page.locator(`${id("subtitle")} span`)).toHaveCount(1);
  await expect(page.locator(`${id("subtitle")} .said`)).toHaveText(FIRST);
  await expect(page.locator(`${id("subtitle")} .now`)).toHaveCount(0);
});
