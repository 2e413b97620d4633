/** What the tests do with the page, and what they measure in it. */
import { expect, type Page } from "@playwright/test";
import { join } from "node:path";
import { ARTEFACTS } from "./server";

export const id = (name: string) => `[data-testid=${name}]`;

export async function open(page: Page, url: string, path = "/"): Promise<void> {
  await page.goto(url + path);
  await expect(page.locator(id("connection"))).toHaveAttribute("data-status", "connected");
  /* The first visitor waits for the idle clip to be drawn. */
  await page.waitForFunction(() => (document.querySelector<HTMLVideoElement>("video[data-avatar=idle]")?.currentTime ?? 0) > 0.1, null, {
    timeout: 30_000,
  });
}

/** Types like a person: keys count as a gesture, so sound is allowed. */
export async function ask(page: Page, text: string): Promise<void> {
  await page.locator(id("input")).click();
  await page.keyboard.insertText(text);
  await page.keyboard.press("Enter");
}

export function stateIs(page: Page, state: string, timeout = 10_000): Promise<void> {
  return expect(page.locator(id("state"))).toHaveAttribute("data-state", state, { timeout });
}

export function shot(page: Page, name: string): Promise<Buffer> {
  return page.screenshot({ path: join(ARTEFACTS, `${name}.png`) });
}

/** Runs in the page: plays without sound only, as browsers do before the user has touched the page. */
export function refuseSound(): void {
  const play = HTMLMediaElement.prototype.play;
  HTMLMediaElement.prototype.play = function () {
    return this.muted ? play.call(this) : Promise.reject(new DOMException("no gesture", "NotAllowedError"));
  };
}

/** Keeps the values an attribute takes from now on, however briefly; the function given back tells them. */
export async function recordAttribute(page: Page, selector: string, attribute: string): Promise<() => Promise<string[]>> {
  const seen = await page.locator(selector).evaluateHandle((element, attribute) => {
    const values: string[] = [];
    new MutationObserver(() => values.push(element.getAttribute(attribute) ?? "")).observe(element, { attributeFilter: [attribute] });
    return values;
  }, attribute);
  return () => seen.jsonValue();
}

/** The player's marks of each turn, in milliseconds from the arrival of its first bytes. */
export interface TurnTimes {
  turn: number;
  asked_to_chunk: number;
  shown: number;
  moving: number;
}

export function turnTimes(page: Page): Promise<TurnTimes[]> {
  return page.evaluate(() => {
    const out: TurnTimes[] = [];
    let asked = 0;
    let chunk = 0;
    for (const mark of performance.getEntriesByType("mark") as PerformanceMark[]) {
      const last = out[out.length - 1];
      if (mark.name === "avatar:asked") asked = mark.startTime;
      if (mark.name === "avatar:chunk") {
        chunk = mark.startTime;
        out.push({ turn: mark.detail.turn, asked_to_chunk: Math.round(chunk - asked), shown: NaN, moving: NaN });
      }
      if (mark.name === "avatar:shown" && Number.isNaN(last.shown)) last.shown = Math.round(mark.startTime - chunk);
      if (mark.name === "avatar:moving") last.moving = Math.round(mark.startTime - chunk);
    }
    return out;
  });
}

export interface FrameSample {
  /** Loudness of the last 40 ms, 0…1. */
  rms: number;
  /** Mean change of the mouth's pixels and of the forehead's since the frame before, 0…255. */
  mouth: number;
  forehead: number;
}

/** Loud enough to be speech. */
export const LOUD = 0.02;

/**
 * Watches at most `ms`, or `enough` frames with sound, of the talking picture as it is played: for each frame the sound and how
 * much the mouth's region changed. The forehead moves with the head but does not speak: what it does is no speech.
 */
export function watchFace(page: Page, video: "talk" | "idle", ms: number, enough = Infinity): Promise<FrameSample[]> {
  return page.evaluate(
    async ({ video, ms, enough, LOUD }) => {
      const element = document.querySelector<HTMLVideoElement>(`video[data-avatar=${video}]`)!;
      const w = window as unknown as { faceAudio?: AnalyserNode };
      if (video === "talk" && !w.faceAudio) {
        const context = new AudioContext();
        const source = context.createMediaElementSource(element);
        w.faceAudio = new AnalyserNode(context, { fftSize: 2048 });
        source.connect(w.faceAudio);
        source.connect(context.destination);
      }
      const wave = new Float32Array(2048);
      const canvas = document.createElement("canvas");
      const boxes = { mouth: [0.39, 0.53, 0.22, 0.13], forehead: [0.42, 0.24, 0.16, 0.08] } as const;
      const [cw, ch] = [44, 26];
      canvas.width = cw;
      canvas.height = ch;
      const context = canvas.getContext("2d", { willReadFrequently: true })!;
      const grab = ([x, y, bw, bh]: readonly number[]) => {
        const { videoWidth: vw, videoHeight: vh } = element;
        context.drawImage(element, x * vw, y * vh, bw * vw, bh * vh, 0, 0, cw, ch);
        return context.getImageData(0, 0, cw, ch).data;
      };
      const change = (a: Uint8ClampedArray, b: Uint8ClampedArray) => {
        let sum = 0;
        for (let i = 0; i < a.length; i += 4) sum += Math.abs(a[i + 1] - b[i + 1]);
        return (sum * 4) / a.length;
      };
      const samples: FrameSample[] = [];
      let before: { mouth: Uint8ClampedArray; forehead: Uint8ClampedArray } | null = null;
      let lastTime = -1;
      const end = performance.now() + ms;
      while (performance.now() < end && samples.filter((s) => s.rms > LOUD).length < enough) {
        await new Promise((next) => requestAnimationFrame(next));
        if (element.seeking || element.readyState < 2 || element.currentTime - lastTime < 0.038) continue;
        lastTime = element.currentTime;
        const now = { mouth: grab(boxes.mouth), forehead: grab(boxes.forehead) };
        let rms = 0;
        if (video === "talk") {
          w.faceAudio!.getFloatTimeDomainData(wave);
          rms = Math.sqrt(wave.reduce((sum, v) => sum + v * v, 0) / wave.length);
        }
        if (before) samples.push({ rms, mouth: change(before.mouth, now.mouth), forehead: change(before.forehead, now.forehead) });
        before = now;
      }
      return samples;
    },
    { video, ms, enough: Math.min(enough, 1e6), LOUD },
  );
}

export const mean = (values: number[]) => values.reduce((sum, v) => sum + v, 0) / (values.length || 1);
