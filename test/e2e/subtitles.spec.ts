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
    const begins = first.flatMap((look, i) => {
      const before = first[i - 1];
      /* A machine that is busy looks seldom: a word begins somewhere between two looks. */
      return before && look.word !== before.word ? [{ word: look.word, at: look.at, slack: 80 + 2 * (look.at - before.at) }] : [];
    });
    expect(begins.map((b) => b.word), "in order").toEqual([...begins.map((b) => b.word)].sort((x, y) => x - y));
    expect(begins.length, "word by word").toBeGreaterThan(5);
    /* The turn's place in the media's timeline is where its first word would have begun. */
    const start = Math.min(...begins.map(({ word, at }) => at - (word * 2000) / 9));
    for (const { word, at, slack } of begins) expect(at - start - (word * 2000) / 9, `word ${word}`).toBeLessThan(slack);
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
