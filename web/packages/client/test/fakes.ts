/** Stand-ins for the browser's socket and media classes, driven by the tests. */
import type { ChunkMeta } from "../src";

export class FakeSocket {
  static all: FakeSocket[] = [];
  static get last(): FakeSocket {
    return FakeSocket.all[FakeSocket.all.length - 1];
  }
  readyState = 0;
  binaryType = "blob";
  /** Binary messages are here as "binary" with their length. */
  sent: { type: string; data: Record<string, unknown> }[] = [];
  bufferedAmount = 0;
  closedWith: number | undefined;
  onopen: (() => void) | null = null;
  onmessage: ((e: { data: unknown }) => void) | null = null;
  onclose: ((e: { code: number; reason: string }) => void) | null = null;
  constructor(readonly url: string) {
    FakeSocket.all.push(this);
  }
  send(message: string | ArrayBuffer): void {
    this.sent.push(typeof message === "string" ? JSON.parse(message) : { type: "binary", data: { bytes: message.byteLength } });
  }
  close(code?: number): void {
    this.closedWith = code;
    this.readyState = 3;
  }
  accept(): void {
    this.readyState = 1;
    this.onopen?.();
  }
  server(type: string, data: unknown = {}): void {
    this.onmessage?.({ data: JSON.stringify({ type, data }) });
  }
  raw(data: unknown): void {
    this.onmessage?.({ data });
  }
  drop(code = 1006, reason = ""): void {
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }
}

export class FakeTimeRanges {
  constructor(readonly list: [number, number][]) {}
  get length(): number {
    return this.list.length;
  }
  start = (i: number) => this.list[i][0];
  end = (i: number) => this.list[i][1];
}

/** Bytes of a fake fragment: start and end in milliseconds on the turn's clock. */
export function fragment(startMs: number, endMs: number): ArrayBuffer {
  return new Int32Array([startMs, endMs]).buffer;
}

/** As in browsers, `updating` ends before `updateend` is told; `settle` gives the time between. */
export class FakeSourceBuffer extends EventTarget {
  updating = false;
  timestampOffset = 0;
  ranges: [number, number][] = [];
  log: string[] = [];
  quota = Infinity;
  private job: (() => void) | null = null;
  private untold = 0;
  get buffered(): FakeTimeRanges {
    return new FakeTimeRanges(this.ranges);
  }
  appendBuffer(bytes: ArrayBuffer): void {
    if (this.updating) throw new DOMException("busy", "InvalidStateError");
    const [from, to] = [...new Int32Array(bytes)].map((ms) => this.timestampOffset + ms / 1000);
    if (this.ranges.reduce((sum, [a, b]) => sum + b - a, 0) + to - from > this.quota) {
      this.log.push("full");
      throw new DOMException("full", "QuotaExceededError");
    }
    this.begin(() => {
      this.log.push(`append ${from.toFixed(1)}-${to.toFixed(1)}`);
      const last = this.ranges[this.ranges.length - 1];
      if (last && Math.abs(last[1] - from) < 0.01) last[1] = to;
      else this.ranges.push([from, to]);
    });
  }
  remove(from: number, to: number): void {
    if (this.updating) throw new DOMException("busy", "InvalidStateError");
    this.begin(() => {
      this.log.push(`remove ${from.toFixed(1)}-${to.toFixed(1)}`);
      this.ranges = this.ranges.filter(([, b]) => b > to).map(([a, b]): [number, number] => [Math.max(a, to), b]);
    });
  }
  abort(): void {
    this.log.push("abort");
    this.job = null;
    this.updating = false;
    this.untold++;
  }
  changeType(type: string): void {
    this.log.push(`type ${type}`);
  }
  private begin(job: () => void): void {
    this.updating = true;
    this.job = job;
  }
  /** Ends the operation under way without telling it yet. */
  settle(): void {
    if (!this.job) return;
    const job = this.job;
    this.job = null;
    job();
    this.updating = false;
    this.untold++;
  }
  /** Lets the operation under way, and those that follow from it, end. */
  work(limit = 50): void {
    for (let i = 0; (this.job || this.untold) && i < limit; i++) {
      this.settle();
      for (; this.untold; this.untold--) this.dispatchEvent(new Event("updateend"));
    }
  }
}

export class FakeMediaSource extends EventTarget {
  static last: FakeMediaSource;
  static isTypeSupported = () => true;
  readyState = "closed";
  buffer: FakeSourceBuffer | null = null;
  constructor() {
    super();
    FakeMediaSource.last = this;
  }
  addSourceBuffer(): FakeSourceBuffer {
    return (this.buffer = new FakeSourceBuffer());
  }
  open(): void {
    this.readyState = "open";
    this.dispatchEvent(new Event("sourceopen"));
  }
}

/** Gives a video element the parts that a DOM without media lacks. `seeks` records every assignment to currentTime. */
export function fakeVideo(video: HTMLVideoElement, buffered: () => [number, number][] = () => []) {
  const state = { time: 0, paused: true, seeking: false, duration: NaN, seeks: [] as number[], plays: 0, refuse: null as string | null };
  const frames: ((now: number, meta: { mediaTime: number }) => void)[] = [];
  Object.defineProperties(video, {
    currentTime: {
      get: () => state.time,
      set: (t: number) => {
        state.time = t;
        state.seeks.push(Number(t.toFixed(3)));
      },
      configurable: true,
    },
    paused: { get: () => state.paused, configurable: true },
    seeking: { get: () => state.seeking, configurable: true },
    duration: { get: () => state.duration, configurable: true },
    readyState: { get: () => 4, configurable: true },
    buffered: { get: () => new FakeTimeRanges(buffered()), configurable: true },
  });
  video.play = async () => {
    if (state.refuse && !video.muted) throw new DOMException("no gesture", state.refuse);
    state.paused = false;
    state.plays++;
  };
  video.pause = () => {
    state.paused = true;
  };
  video.load = () => undefined;
  (video as unknown as { requestVideoFrameCallback: unknown }).requestVideoFrameCallback = (cb: (typeof frames)[number]) => frames.push(cb);
  return Object.assign(state, {
    paint(at = state.time) {
      for (const cb of frames.splice(0)) cb(0, { mediaTime: at });
    },
  });
}

export function meta(turn: number, chunk: number, over: Partial<ChunkMeta> = {}): ChunkMeta {
  const start_ms = over.start_ms ?? chunk * 200;
  return {
    turn, seq: 0, chunk, size: 8, mime: "video/mp4", codecs: "avc1.42C01E, mp4a.40.2", init: chunk === 0, first: chunk === 0,
    last: false, start_ms, duration_ms: 200, idle_ms: start_ms + 200, ...over,
  };
}
