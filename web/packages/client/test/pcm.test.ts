/** The microphone's samples: resampling, levels, frames. */
import { describe, expect, it } from "vitest";
import { decibels } from "../src";
import { Framer, Resampler, sentRate } from "../src/pcm";

const sine = (hz: number, rate: number, seconds: number, amplitude = 0.5) =>
  Float32Array.from({ length: rate * seconds }, (_, i) => amplitude * Math.sin((2 * Math.PI * hz * i) / rate));
const rms = (x: ArrayLike<number>) => Math.sqrt(Array.from(x).reduce((sum, v) => sum + v * v, 0) / x.length);

/** The strength of one frequency, by correlation. */
function strength(x: ArrayLike<number>, hz: number, rate: number): number {
  let [re, im] = [0, 0];
  for (let i = 0; i < x.length; i++) {
    re += x[i] * Math.cos((2 * Math.PI * hz * i) / rate);
    im += x[i] * Math.sin((2 * Math.PI * hz * i) / rate);
  }
  return (2 * Math.hypot(re, im)) / x.length;
}

/** In blocks of 128, as the audio thread gets them. */
function inBlocks(x: Float32Array, push: (block: Float32Array) => void): void {
  for (let i = 0; i < x.length; i += 128) push(x.subarray(i, i + 128));
}

describe("the rate that is sent", () => {
  it.each([[16000, 16000], [24000, 24000], [44100, 44100], [48000, 48000], [22050, 16000], [32000, 16000], [96000, 16000], [8000, 16000]])(
    "%i → %i",
    (rate, sent) => expect(sentRate(rate)).toBe(sent),
  );
});

describe("Resampler", () => {
  it.each([[96000, 16000], [32000, 16000], [22050, 16000], [11025, 16000]])("keeps a tone from %i to %i Hz", (from, to) => {
    const resampler = new Resampler(from, to);
    const out: number[] = [];
    inBlocks(sine(1000, from, 1), (block) => out.push(...resampler.push(block)));
    expect(Math.abs(out.length - to)).toBeLessThan(60);
    const middle = out.slice(1000, 1000 + to / 2);
    expect(strength(middle, 1000, to)).toBeCloseTo(0.5, 2);
    /* Nothing but the tone: what is left over is 60 dB below it. */
    expect(Math.abs(rms(middle) - 0.5 / Math.SQRT2)).toBeLessThan(0.001);
  });

  it("lets no tone through that the lower rate cannot carry", () => {
    const resampler = new Resampler(96000, 16000);
    const out: number[] = [];
    inBlocks(sine(11000, 96000, 1), (block) => out.push(...resampler.push(block)));
    expect(rms(out.slice(500, -500))).toBeLessThan(0.001);
  });
});

describe("Framer", () => {
  function frames(rate: number, blocks: Float32Array[], flush = true) {
    const out: { pcm: Int16Array; rms: number }[] = [];
    const framer = new Framer(rate, sentRate(rate), 40, (pcm, level) => out.push({ pcm, rms: level }));
    for (const block of blocks) inBlocks(block, (b) => framer.push(b));
    if (flush) framer.flush();
    return out;
  }

  it("cuts frames of 40 ms, each with its loudness, and gives the rest out at the end", () => {
    const out = frames(16000, [sine(400, 16000, 0.1, 0.5), new Float32Array(160)]);
    expect(out.map((f) => f.pcm.length)).toEqual([640, 640, 480]);
    expect(out[0].rms).toBeCloseTo(0.5 / Math.SQRT2, 3);
    expect(decibels(out[0].rms)).toBeCloseTo(-9.03, 1);
    expect(frames(48000, [new Float32Array(1920)], false).map((f) => f.pcm.length)).toEqual([1920]);
  });

  it("limits what is too loud and keeps full scale", () => {
    const [{ pcm }] = frames(16000, [Float32Array.of(1, -1, 2, -3, 0, 0.5)]);
    expect([...pcm]).toEqual([32767, -32768, 32767, -32768, 0, 16384]);
  });

  it("gives nothing for nothing", () => {
    expect(frames(16000, [])).toEqual([]);
    expect(decibels(0)).toBe(-100);
  });
});
