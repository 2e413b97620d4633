/** A microphone for the tests: sound files of spoken sentences, and browsers that hear one in place of a device. */
import { chromium, test, type Browser, type Page } from "@playwright/test";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BIN } from "./server";

/** Something to say, or a pause in seconds. */
export type Part = string | number;

export class Sounds {
  private readonly folder = mkdtempSync(join(tmpdir(), "avatar-sounds-"));
  private count = 0;

  /** Speaks the parts into a WAV file; a long silence follows. */
  say(...parts: Part[]): string {
    const files = parts.map((part) => (typeof part === "string" ? this.spoken(part) : this.silence(part)));
    const out = this.next();
    const inputs = [...files, this.silence(60)].flatMap((file) => ["-i", file]);
    this.ffmpeg(...inputs, "-filter_complex", `concat=n=${files.length + 1}:v=0:a=1`, out);
    return out;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }

  private next = () => join(this.folder, `${++this.count}.wav`);

  private ffmpeg(...args: string[]): void {
    execFileSync("ffmpeg", ["-v", "error", "-y", ...args], { stdio: "inherit" });
  }

  private spoken(text: string): string {
    const video = join(this.folder, `${++this.count}.mp4`);
    execFileSync(BIN, ["say", "--size", "64", "--fps", "5", "--set", "tts.use=flite", "-o", video, text], { stdio: ["ignore", "ignore", "inherit"] });
    const out = this.next();
    this.ffmpeg("-i", video, "-vn", "-ac", "1", "-ar", "48000", out);
    return out;
  }

  private silence(seconds: number): string {
    const out = this.next();
    this.ffmpeg("-f", "lavfi", "-i", "anullsrc=r=48000:cl=mono", "-t", String(seconds), out);
    return out;
  }
}

/** A browser whose microphone plays the file once, from when it is opened. Within a test. */
export function hearing(file: string, { deny = false, args = [] as string[] } = {}): Promise<Browser> {
  const { executablePath, args: usual = [] } = test.info().project.use.launchOptions!;
  const microphone = ["--use-fake-device-for-media-stream", `--use-fake-ui-for-media-stream${deny ? "=deny" : ""}`];
  if (file) microphone.push(`--use-file-for-fake-audio-capture=${file}%noloop`);
  return chromium.launch({ executablePath, args: [...usual, ...microphone, ...args] });
}

export interface Wire {
  at: number;
  /** `binary`: sound that was sent. */
  type: string;
  sent: boolean;
  data: Record<string, unknown>;
}

/** Notes what goes over the page's socket, and when the talking picture stops. Before the page is opened. */
export async function watchWire(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const wire: Wire[] = [];
    Object.assign(window, { wire });
    const note = (sent: boolean, message: unknown) => {
      if (typeof message !== "string") {
        if (sent) wire.push({ at: performance.now(), sent, type: "binary", data: { bytes: (message as ArrayBuffer).byteLength } });
        return;
      }
      const { type, data } = JSON.parse(message);
      wire.push({ at: performance.now(), sent, type, data });
    };
    window.WebSocket = class extends WebSocket {
      constructor(...args: ConstructorParameters<typeof WebSocket>) {
        super(...args);
        this.addEventListener("message", (e) => note(false, e.data));
      }
      send(data: string | ArrayBuffer): void {
        note(true, data);
        super.send(data);
      }
    };
    document.addEventListener("pause", (e) => {
      if ((e.target as HTMLElement).dataset.avatar === "talk") wire.push({ at: performance.now(), sent: false, type: "talk-paused", data: {} });
    }, { capture: true });
  });
}

export const wireOf = (page: Page) => page.evaluate(() => (window as unknown as { wire: Wire[] }).wire);

/** The order of some types of message. */
export async function orderOf(page: Page, ...types: string[]): Promise<string[]> {
  return (await wireOf(page)).filter((w) => types.includes(w.type)).map((w) => w.type);
}

/** Milliseconds from the server's decision to stop the speech to the stop. */
export async function hushTimes(page: Page): Promise<number[]> {
  const wire = await wireOf(page);
  return wire.flatMap((w, i) => {
    if (w.type !== "interrupted" || w.data.reason !== "speech") return [];
    const stop = wire.slice(i).find((v) => v.type === "talk-paused");
    return [stop ? stop.at - w.at : Infinity];
  });
}
