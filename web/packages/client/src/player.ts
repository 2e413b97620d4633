/**
 * AvatarPlayer: the person on the page.
 *
 * Two pictures lie on each other: the idle clip, muted and looping, and above it the talking one (a Track). When the first frame
 * of an answer is painted the talk fades in; when the answer has been played the idle clip is put to the phase in which the talk
 * ended and the talk fades out. Between two sentences that come too slowly the last picture is held for a moment, then the idle
 * clip shows. What belongs to a turn that was stopped is dropped.
 *
 * It knows nothing of sockets: give it chunks and sentences, and hand its `playback` events to the client.
 */
import { ClipTrack } from "./clip";
import { Emitter } from "./emitter";
import { MseTrack, supportsStream } from "./mse";
import type { Chunk, ChunkMeta, Delivery, Sentence } from "./protocol";
import { newVideo, type Track } from "./track";

export interface Subtitle {
  turn: number;
  seq: number;
  text: string;
  words: Sentence["words"];
  /** Index of the word being said; -1 before the first. */
  word: number;
}

/** A picture that stands for so long at the end of an answer will not go on; elsewhere it is helped on. */
const STUCK_MS = 1000;
const WARM_MS = 120_000;
/** Not 0: browsers do not draw what has no opacity at all, and tell of its first picture only a quarter of a second later. */
const HIDDEN = "0.001";

/** `chunk`: first bytes of a turn arrived; `shown`: first frame painted; `moving`: time advances; `end`: all was played. */
export type MarkName = "chunk" | "shown" | "moving" | "dry" | "nudge" | "end" | "stopped";

export interface PlayerEvents {
  playing: { turn: number; playing: boolean };
  subtitle: Subtitle | null;
  playback: { turn: number; heardMs: number };
  mark: { name: MarkName; turn: number; at: number };
  /** Sound needs a gesture: call unlock() from one. */
  blocked: boolean;
  error: { message: string };
}

export interface PlayerOptions {
  delivery?: Delivery;
  fadeMs?: number;
  /** How long the last picture is held in a dry spell. */
  holdMs?: number;
  reportMs?: number;
}

interface Turn {
  id: number;
  sentences: Sentence[];
  lastMeta: ChunkMeta | null;
  complete: boolean;
  /** Of a connection that is gone: its number may come again. */
  old: boolean;
  moved: boolean;
  /** The last position seen, and since when it stands. */
  seenMs: number;
  seenAt: number;
  reportedMs: number;
  heardMs: number;
}

export class AvatarPlayer extends Emitter<PlayerEvents> {
  private readonly idle: HTMLVideoElement;
  private track: Track;
  private turn: Turn | null = null;
  private dropUpTo = -1;
  private talkShown = false;
  private drySince = 0;
  private idlePrepared = false;
  private subtitleKey = "";
  private frame = 0;
  private timer: ReturnType<typeof setInterval> | undefined;
  private volume = 1;
  private muted = false;
  private delivery: Delivery;
  private idleWanted = "";
  private idleUrl = "";
  private audio: AudioContext | null = null;
  private audioTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly root: HTMLElement, private readonly options: PlayerOptions = {}) {
    super();
    const doc = root.ownerDocument;
    if (getComputedStyle(root).position === "static") root.style.position = "relative";
    this.idle = newVideo(doc);
    this.idle.muted = this.idle.loop = this.idle.autoplay = true;
    this.idle.dataset.avatar = "idle";
    this.place(this.idle);
    root.append(this.idle);
    this.delivery = this.usable(options.delivery ?? "stream");
    this.track = this.openTrack();
  }

  /** What the browser can do of what is asked for. */
  usable(delivery: Delivery): Delivery {
    return delivery === "stream" && !supportsStream() ? "clip" : delivery;
  }

  /** Takes effect at once; a running turn ends. */
  setDelivery(delivery: Delivery): void {
    const usable = this.usable(delivery);
    if (usable === this.delivery) return;
    this.stop();
    this.delivery = usable;
    this.track.destroy();
    this.track = this.openTrack();
  }

  /**
   * Another person: the clip to loop while nobody talks, and the picture to show until it has loaded. The clip is taken into
   * memory, so that putting it to another phase takes no time and no server.
   */
  async setIdle(url: string, poster?: string): Promise<void> {
    this.idleWanted = url;
    if (poster) this.idle.poster = poster;
    let src: string;
    try {
      const response = await fetch(url);
      if (!response.ok) throw new Error(`${url}: HTTP ${response.status}`);
      src = URL.createObjectURL(await response.blob());
    } catch (e) {
      if (this.idleWanted === url) {
        this.idleWanted = "";
        this.emit("error", { message: (e as Error).message });
      }
      return;
    }
    if (this.idleWanted !== url) return URL.revokeObjectURL(src);
    if (this.idleUrl) URL.revokeObjectURL(this.idleUrl);
    this.idle.src = this.idleUrl = src;
    this.idle.dataset.source = url;
    this.playIdle();
  }

  /** An idle clip is there or on its way. */
  get hasIdle(): boolean {
    return this.idleWanted !== "";
  }

  /** Where the idle clip is; belongs in `text` and `say`. */
  idleMs(): number {
    if (this.talkShown && this.turn) return this.idlePhase(this.turn);
    return this.idle.currentTime * 1000;
  }

  push(chunk: Chunk): void {
    const { meta } = chunk;
    if (meta.turn <= this.dropUpTo) return;
    if (!this.isCurrent(meta.turn) || !this.turn?.lastMeta) this.firstChunk(meta);
    this.turn!.lastMeta = meta;
    this.track.push(chunk);
    this.drySince = 0;
    this.watch();
  }

  sentence(sentence: Sentence): void {
    if (sentence.turn <= this.dropUpTo) return;
    if (!this.isCurrent(sentence.turn)) this.begin(sentence.turn);
    /* A voice over the network tells its words while it speaks: the sentence comes again with more of them. */
    const { sentences } = this.turn!;
    const at = sentences.findIndex((s) => s.seq === sentence.seq);
    if (at < 0) sentences.push(sentence);
    else sentences[at] = sentence;
  }

  /** No more chunks will come in this turn: it ends when all has been played. */
  complete(turn: number): void {
    if (!this.turn || !this.isCurrent(turn)) return;
    this.turn.complete = true;
    if (!this.turn.lastMeta) this.finish("end");
  }

  /** The connection is gone: what has arrived is played out. */
  disconnected(): void {
    if (this.turn) this.complete(this.turn.id);
  }

  /** A new connection: the server may count its turns from anew. What came over the last one is played out. */
  reset(): void {
    if (this.turn) {
      this.complete(this.turn.id);
      if (this.turn) this.turn.old = true;
    }
    this.dropUpTo = -1;
  }

  /** Stops at once. Chunks of this turn (the running one when left out) and of older ones are dropped from here on. */
  stop(turn?: number): void {
    if (this.turn?.old) this.finish("stopped");
    this.dropUpTo = Math.max(this.dropUpTo, turn ?? this.turn?.id ?? -1);
    if (this.turn && this.turn.id <= this.dropUpTo) this.finish("stopped");
  }

  setVolume(volume: number, muted = false): void {
    this.volume = volume;
    this.muted = muted;
    this.track.setVolume(volume, muted);
  }

  /**
   * An answer is likely soon (the user types): opens the sound device, which would otherwise hold up the first picture. It is
   * let go again when nothing was said for a while. Only inside a user gesture.
   */
  warm(): void {
    if (typeof AudioContext === "undefined") return;
    this.audio ??= new AudioContext({ latencyHint: "playback" });
    if (this.audio.state !== "running") void this.audio.resume().catch(() => undefined);
    clearTimeout(this.audioTimer);
    this.audioTimer = setTimeout(() => void this.audio?.suspend().catch(() => undefined), WARM_MS);
  }

  /** Call inside a user gesture after `blocked`. */
  unlock(): void {
    this.track.unlock();
    this.playIdle();
  }

  destroy(): void {
    this.unwatch();
    this.removeAll();
    clearTimeout(this.audioTimer);
    void this.audio?.close().catch(() => undefined);
    this.track.destroy();
    this.idleWanted = "";
    if (this.idleUrl) URL.revokeObjectURL(this.idleUrl);
    this.idle.removeAttribute("src");
    this.idle.load();
    this.idle.remove();
  }

  private openTrack(): Track {
    const doc = this.root.ownerDocument;
    const track = this.delivery === "stream" ? new MseTrack(doc) : new ClipTrack(doc);
    track.element.dataset.avatar = "talk";
    this.place(track.element);
    track.element.style.opacity = HIDDEN;
    track.element.style.transition = `opacity ${this.options.fadeMs ?? 100}ms linear`;
    this.root.append(track.element);
    track.setVolume(this.volume, this.muted);
    track.on("shown", ({ turn }) => this.onShown(turn));
    track.on("blocked", () => this.emit("blocked", true));
    track.on("unblocked", () => this.emit("blocked", false));
    track.on("error", (e) => {
      this.emit("error", e);
      this.stop();
    });
    return track;
  }

  private place(element: HTMLElement): void {
    Object.assign(element.style, { position: "absolute", inset: "0", width: "100%", height: "100%", objectFit: "inherit", objectPosition: "inherit" });
  }

  private begin(id: number): void {
    if (this.turn) this.finish("stopped");
    this.turn = { id, sentences: [], lastMeta: null, complete: false, old: false, moved: false, seenMs: -1, seenAt: 0, reportedMs: 0, heardMs: 0 };
    this.drySince = 0;
    this.idlePrepared = false;
  }

  private isCurrent(turn: number): boolean {
    return this.turn?.id === turn && !this.turn.old;
  }

  private firstChunk(meta: ChunkMeta): void {
    if (!this.isCurrent(meta.turn)) this.begin(meta.turn);
    this.mark("chunk");
    this.emit("playing", { turn: meta.turn, playing: true });
  }

  private mark(name: MarkName): void {
    this.emit("mark", { name, turn: this.turn?.id ?? -1, at: performance.now() });
  }

  private watch(): void {
    if (this.timer) return;
    const look = () => {
      this.tick();
      if (this.timer) this.frame = requestAnimationFrame(look);
    };
    /* Pages in the background get no animation frames. */
    this.timer = setInterval(() => this.tick(), 250);
    this.frame = requestAnimationFrame(look);
  }

  private unwatch(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    cancelAnimationFrame(this.frame);
  }

  private tick(): void {
    const turn = this.turn;
    if (!turn?.lastMeta) return;
    const now = performance.now();
    const timeMs = this.track.timeMs();
    const reportMs = this.options.reportMs ?? 500;
    turn.heardMs = Math.max(turn.heardMs, timeMs);
    if (!turn.moved && this.talkShown && timeMs > 30) {
      turn.moved = true;
      this.mark("moving");
    }
    if (turn.heardMs - turn.reportedMs >= reportMs) this.report(turn);
    this.updateSubtitle(turn, timeMs);
    const left = this.track.endMs() - timeMs;
    if (turn.complete && left < 300 && this.talkShown) this.prepareIdle(turn);
    if (timeMs !== turn.seenMs) Object.assign(turn, { seenMs: timeMs, seenAt: now });
    const standing = now - turn.seenAt > STUCK_MS;
    const stuck = standing && turn.complete && left < STUCK_MS;
    if (!this.track.dry() && !stuck) {
      if (standing) {
        turn.seenAt = now;
        this.mark("nudge");
        this.track.nudge();
      }
      this.drySince = 0;
      return;
    }
    if (turn.complete) return this.finish("end");
    if (!this.drySince) {
      this.drySince = now;
      this.mark("dry");
    } else if (this.talkShown && now - this.drySince > (this.options.holdMs ?? 300)) {
      this.prepareIdle(turn);
      this.showIdle();
    }
  }

  private report(turn: Turn): void {
    if (turn.old) return;
    turn.reportedMs = turn.heardMs;
    this.emit("playback", { turn: turn.id, heardMs: turn.heardMs });
  }

  private finish(how: "end" | "stopped"): void {
    const turn = this.turn;
    if (!turn) return;
    if (turn.lastMeta) {
      turn.heardMs = how === "end" ? this.track.endMs() : Math.max(turn.heardMs, this.track.timeMs());
      this.report(turn);
      if (this.talkShown) this.prepareIdle(turn);
    }
    this.mark(how);
    this.unwatch();
    this.showIdle();
    /* The picture stays in the element while it fades; what would still be heard does not. */
    this.track.flush();
    this.turn = null;
    this.subtitleKey = "";
    this.emit("subtitle", null);
    this.emit("playing", { turn: turn.id, playing: false });
  }

  private onShown(turn: number): void {
    if (this.turn?.id !== turn) return;
    this.mark("shown");
    this.talkShown = true;
    this.idlePrepared = false;
    this.track.element.style.opacity = "1";
    /* Nobody sees it under the talk: spare the decoding. */
    setTimeout(() => this.talkShown && this.idle.pause(), (this.options.fadeMs ?? 100) + 50);
  }

  /** Idle phase that fits what the talk shows now. */
  private idlePhase(turn: Turn): number {
    const meta = turn.lastMeta;
    const periodMs = this.idle.duration * 1000;
    if (!meta || !(periodMs > 0) || !Number.isFinite(periodMs)) return this.idle.currentTime * 1000;
    const phase = turn.complete && this.track.dry() ? meta.idle_ms : meta.idle_ms - (this.track.endMs() - this.track.timeMs());
    return ((phase % periodMs) + periodMs) % periodMs;
  }

  /** Puts the idle clip, out of sight, to where the talk ends; in mid-sentence to where it is. */
  private prepareIdle(turn: Turn): void {
    if (this.idlePrepared) return;
    this.idlePrepared = true;
    this.idle.pause();
    const left = turn.complete ? this.track.endMs() - this.track.timeMs() : 0;
    const periodMs = this.idle.duration * 1000 || 1;
    this.idle.currentTime = ((this.idlePhase(turn) + left) % periodMs) / 1000;
  }

  private showIdle(): void {
    this.playIdle();
    if (!this.talkShown) return;
    this.talkShown = false;
    const fade = () => {
      if (!this.talkShown) this.track.element.style.opacity = HIDDEN;
    };
    if (!this.idle.seeking) return fade();
    /* Fading onto a picture of another moment would be a jump. */
    this.idle.addEventListener("seeked", fade, { once: true });
    setTimeout(fade, 250);
  }

  private playIdle(): void {
    if (this.idle.src) void this.idle.play().catch(() => undefined);
  }

  private updateSubtitle(turn: Turn, timeMs: number): void {
    const sentence = turn.sentences.reduce<Sentence | null>((found, s) => (s.start_ms <= timeMs + 40 ? s : found), null);
    if (!sentence) return;
    const at = timeMs - sentence.start_ms;
    let word = -1;
    sentence.words.forEach((w, i) => {
      if (w.t <= at) word = i;
    });
    const key = `${sentence.seq}:${word}`;
    if (key === this.subtitleKey) return;
    this.subtitleKey = key;
    this.emit("subtitle", { turn: turn.id, seq: sentence.seq, text: sentence.text, words: sentence.words, word });
  }
}
