/**
 * MseTrack: delivery `stream` through Media Source Extensions (ManagedMediaSource where only that exists).
 *
 * One MediaSource serves all turns. Each turn is placed behind the last one with a gap (timestampOffset), so its own clock
 * starts at `base`. Appends and removals go through one queue, since a SourceBuffer does one thing at a time. The next begins
 * when the `updateend` of the last one has come: `updating` is false before that, and would let an operation begin twice.
 *
 * A browser that has once run out of data wants a longer buffer before it plays again, and longer still the next time. A seek
 * resets that. So each turn, and each chunk that comes after a dry spell, is entered by a seek to its first picture.
 */
import type { Chunk } from "./protocol";
import { Track, newVideo, onFrame, playOrMute } from "./track";

export const DEFAULT_CODECS = "avc1.42C01E, mp4a.40.2";
const GAP_S = 1;
const KEEP_BEHIND_S = 10;
const SEEK_S = 0.002;
/** This close to the end of what has arrived is the end. */
const DONE_MS = 20;
/** A browser stops up to this long before the end of its buffer when nothing follows. */
const STALL_MS = 200;

type MediaSourceClass = { new (): MediaSource; isTypeSupported(type: string): boolean };

export function mediaSourceClass(): MediaSourceClass | undefined {
  const g = globalThis as { ManagedMediaSource?: MediaSourceClass; MediaSource?: MediaSourceClass };
  return g.MediaSource ?? g.ManagedMediaSource;
}

export function supportsStream(codecs = DEFAULT_CODECS): boolean {
  return mediaSourceClass()?.isTypeSupported(`video/mp4; codecs="${codecs}"`) ?? false;
}

type Op =
  | { kind: "append"; bytes: ArrayBuffer; offset?: number; codecs?: string; done?: () => void }
  | { kind: "remove"; from: number; to: number };

export class MseTrack extends Track {
  readonly element: HTMLVideoElement;
  turn = -1;
  private source!: MediaSource;
  private buffer: SourceBuffer | null = null;
  private codecs = "";
  private url = "";
  private ops: Op[] = [];
  private current: Op | null = null;
  private base = 0;
  private end = 0;
  private running = false;
  private waiting = false;
  private enteredAt = 0;
  private cancelFrame: (() => void) | null = null;
  private muted = false;
  private blockedNow = false;

  constructor(doc: Document = document) {
    super();
    this.element = newVideo(doc);
    this.element.addEventListener("waiting", () => (this.waiting = true));
    this.element.addEventListener("playing", () => (this.waiting = false));
    this.element.addEventListener("error", () => this.broken(this.element.error?.message || "the video element failed"));
    this.openSource();
  }

  private openSource(): void {
    const Source = mediaSourceClass();
    if (!Source) throw new Error("this browser has no Media Source Extensions; use delivery 'clip'");
    const source = new Source();
    this.source = source;
    this.buffer = null;
    this.element.disableRemotePlayback = true; /* ManagedMediaSource asks for it */
    this.url = URL.createObjectURL(source);
    this.element.src = this.url;
    source.addEventListener("sourceopen", () => {
      if (source !== this.source) return;
      if (!this.buffer && supportsStream()) this.prepare(DEFAULT_CODECS); /* likely right; done before it is needed */
      this.pump();
    });
  }

  push({ meta, bytes }: Chunk): void {
    const begins = meta.turn !== this.turn;
    const resumes = !begins && this.dry();
    let offset: number | undefined;
    if (begins) {
      this.flush();
      this.turn = meta.turn;
      offset = this.base = Math.ceil(Math.max(this.bufferedEnd(), this.element.currentTime) + GAP_S);
      this.end = 0;
    }
    this.end = Math.max(this.end, meta.start_ms + meta.duration_ms);
    const enter = begins || resumes ? () => this.enter(this.entry(meta.start_ms, resumes)) : undefined;
    this.ops.push({ kind: "append", bytes, offset, codecs: meta.codecs, done: enter });
    if (begins) this.ops.push({ kind: "remove", from: 0, to: this.base - GAP_S / 2 });
    else if (meta.first && this.element.currentTime - this.base > 3 * KEEP_BEHIND_S)
      this.ops.push({ kind: "remove", from: 0, to: this.element.currentTime - KEEP_BEHIND_S });
    this.pump();
  }

  timeMs(): number {
    if (this.turn < 0) return 0;
    return Math.min(Math.max(0, (this.element.currentTime - this.base) * 1000), this.end);
  }

  endMs(): number {
    return this.end;
  }

  dry(): boolean {
    if (this.turn < 0) return true;
    if (!this.running || this.element.seeking || this.working()) return false;
    const left = Math.min(this.end, (this.bufferedEnd() - this.base) * 1000) - this.timeMs();
    return left < DONE_MS || (this.waiting && left < STALL_MS && this.timeMs() - this.enteredAt > DONE_MS);
  }

  flush(): void {
    this.element.pause();
    this.cancelFrame?.();
    this.cancelFrame = null;
    this.turn = -1;
    this.running = this.waiting = false;
    this.ops = [];
    /* A removal under way cannot be aborted and need not be. */
    if (this.current?.kind !== "append") return;
    this.current.done = undefined;
    if (this.buffer?.updating && this.source.readyState === "open") this.buffer.abort();
  }

  nudge(): void {
    if (this.turn >= 0 && !this.working()) this.enter(this.timeMs());
  }

  setVolume(volume: number, muted: boolean): void {
    this.muted = muted;
    this.element.volume = volume;
    this.element.muted = muted || this.blockedNow;
  }

  unlock(): void {
    if (!this.blockedNow) return;
    this.blockedNow = false;
    this.element.muted = this.muted;
    this.emit("unblocked", undefined);
  }

  destroy(): void {
    this.flush();
    this.removeAll();
    this.element.removeAttribute("src");
    this.element.load();
    URL.revokeObjectURL(this.url);
    this.element.remove();
  }

  private working(): boolean {
    return this.current !== null || this.ops.length > 0;
  }

  private bufferedEnd(): number {
    const ranges = this.buffer?.buffered;
    return ranges?.length ? ranges.end(ranges.length - 1) : 0;
  }

  /** Where to go on: at the chunk; where the browser stopped short of it, there. */
  private entry(startMs: number, resumes: boolean): number {
    return resumes && startMs - this.timeMs() > DONE_MS ? this.timeMs() : startMs;
  }

  /** Seeks to a place on the turn's clock and plays. */
  private enter(startMs: number): void {
    const video = this.element;
    let to = this.base + startMs / 1000 + SEEK_S;
    for (let i = 0; i < video.buffered.length; i++) {
      /* Where sound or picture begins a little later, the common range does. */
      const from = video.buffered.start(i);
      if (from > to && from - to < GAP_S / 2) to = from + SEEK_S;
    }
    const turn = this.turn;
    this.cancelFrame?.();
    this.cancelFrame = onFrame(video, to, () => this.emit("shown", { turn }));
    video.currentTime = to;
    this.enteredAt = startMs;
    this.running = true;
    this.waiting = false;
    void playOrMute(video, () => {
      this.blockedNow = true;
      this.emit("blocked", undefined);
    });
  }

  private pump(): void {
    if (this.source.readyState !== "open" || this.current) return;
    const op = this.ops.shift();
    if (!op) return;
    this.current = op;
    try {
      this.start(op);
    } catch (e) {
      if ((e as DOMException)?.name === "QuotaExceededError" && this.element.currentTime - this.base > 1) {
        this.current = null;
        this.ops.unshift({ kind: "remove", from: 0, to: this.element.currentTime - 1 }, op);
        return this.pump();
      }
      this.broken(String(e));
    }
  }

  private start(op: Op): void {
    if (op.kind === "remove") {
      if (!this.buffer || op.to <= op.from) return this.finish();
      return this.buffer.remove(op.from, op.to);
    }
    this.prepare(op.codecs || DEFAULT_CODECS);
    const buffer = this.buffer!;
    if (op.offset !== undefined) buffer.timestampOffset = op.offset;
    buffer.appendBuffer(op.bytes);
  }

  private prepare(codecs: string): void {
    const type = `video/mp4; codecs="${codecs}"`;
    if (!this.buffer) {
      const buffer = (this.buffer = this.source.addSourceBuffer(type));
      buffer.addEventListener("updateend", () => buffer === this.buffer && this.finish());
    } else if (codecs !== this.codecs) {
      this.buffer.changeType(type);
    }
    this.codecs = codecs;
  }

  /** The current operation is done or was aborted. */
  private finish(): void {
    const op = this.current;
    this.current = null;
    if (op?.kind === "append") op.done?.();
    this.pump();
  }

  /** Starts over with a new MediaSource; the rest of the turn is lost. */
  private broken(message: string): void {
    const old = this.url;
    this.flush();
    this.current = null;
    this.openSource();
    URL.revokeObjectURL(old);
    this.emit("error", { message });
  }
}
