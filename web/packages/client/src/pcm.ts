/**
 * From the browser's sound to what goes to the server: samples of −1…1 in blocks of any size become frames of 16-bit samples,
 * resampled where the server does not take the rate. Runs in the audio thread (capture.worklet.ts).
 */

/** Rates that go to the server as they are. */
export const SERVER_RATES: readonly number[] = [16_000, 24_000, 44_100, 48_000];
export const SPEECH_RATE = 16_000;

/** The rate to send what is captured at `rate`. */
export const sentRate = (rate: number) => (SERVER_RATES.includes(rate) ? rate : SPEECH_RATE);

/** Zero crossings of the low-pass on each side, and steps of its table for each sample. */
const CROSSINGS = 12;
const STEPS = 256;
/** Of the lower of both Nyquist frequencies; the rest is the filter's slope. */
const PASS = 0.9;

/** Band-limited interpolation: a sinc under a Blackman window, read from a table. */
export class Resampler {
  private readonly step: number;
  private readonly half: number;
  private readonly table: Float32Array;
  private kept: Float32Array;
  private at: number;

  constructor(from: number, to: number) {
    this.step = from / to;
    const cut = PASS * Math.min(1, to / from);
    this.half = Math.ceil(CROSSINGS / cut);
    this.table = new Float32Array(this.half * STEPS + 1);
    for (let i = 0; i < this.table.length; i++) {
      const x = i / STEPS;
      const t = Math.PI * cut * x;
      const window = 0.42 + 0.5 * Math.cos((Math.PI * x) / this.half) + 0.08 * Math.cos((2 * Math.PI * x) / this.half);
      this.table[i] = cut * window * (t === 0 ? 1 : Math.sin(t) / t);
    }
    this.kept = new Float32Array(this.half);
    this.at = this.half;
  }

  push(block: Float32Array): Float32Array {
    const { half, table } = this;
    const input = new Float32Array(this.kept.length + block.length);
    input.set(this.kept);
    input.set(block, this.kept.length);
    const out: number[] = [];
    for (; this.at + half < input.length; this.at += this.step) {
      let sum = 0;
      for (let k = Math.ceil(this.at - half); k <= this.at + half; k++) sum += input[k] * table[Math.round(Math.abs(k - this.at) * STEPS)];
      out.push(sum);
    }
    const done = Math.max(0, Math.floor(this.at - half));
    this.kept = input.slice(done);
    this.at -= done;
    return Float32Array.from(out);
  }
}

/** `rms` of the frame's samples, 0…1. */
export type FrameSink = (pcm: Int16Array, rms: number) => void;

export class Framer {
  private readonly resampler: Resampler | null;
  private frame: Int16Array;
  private used = 0;
  private energy = 0;

  constructor(rate: number, toRate: number, frameMs: number, private readonly sink: FrameSink) {
    this.resampler = rate === toRate ? null : new Resampler(rate, toRate);
    this.frame = new Int16Array(Math.round((toRate * frameMs) / 1000));
  }

  push(block: Float32Array): void {
    for (const sample of this.resampler ? this.resampler.push(block) : block) {
      const limited = Math.max(-1, Math.min(1, sample));
      this.frame[this.used++] = Math.round(limited < 0 ? limited * 32768 : limited * 32767);
      this.energy += limited * limited;
      if (this.used === this.frame.length) this.flush();
    }
  }

  /** Gives out what has not filled a frame yet. */
  flush(): void {
    if (this.used === 0) return;
    this.sink(this.frame.slice(0, this.used), Math.sqrt(this.energy / this.used));
    this.used = this.energy = 0;
  }
}
