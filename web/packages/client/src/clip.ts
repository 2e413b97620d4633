/**
 * ClipTrack: delivery `clip`, one whole MP4 a sentence, for browsers without Media Source Extensions.
 *
 * Two video elements take turns: while one plays, the next clip is loaded into the other. The old one keeps its last picture on
 * the screen until the new one has painted its first, so nothing flashes between sentences.
 */
import type { Chunk, ChunkMeta } from "./protocol";
import { Track, newVideo, onFrame, playOrMute } from "./track";

interface Clip {
  meta: ChunkMeta;
  url: string;
}

export class ClipTrack extends Track {
  readonly element: HTMLElement;
  turn = -1;
  private videos: [HTMLVideoElement, HTMLVideoElement];
  private front = 0;
  private queue: Clip[] = [];
  private playing: Clip | null = null;
  private preloaded: Clip | null = null;
  private end = 0;
  private played = 0;
  private cancelFrame: (() => void) | null = null;
  private volume = 1;
  private muted = false;
  private blockedNow = false;

  constructor(doc: Document = document) {
    super();
    this.element = doc.createElement("div");
    this.videos = [newVideo(doc), newVideo(doc)];
    this.videos.forEach((video, i) => {
      video.style.cssText = "position:absolute;inset:0;width:100%;height:100%;object-fit:inherit;object-position:inherit";
      video.addEventListener("ended", () => i === this.front && this.next());
      video.addEventListener("error", () => {
        if (i !== this.front || !this.playing) return;
        this.emit("error", { message: video.error?.message || "a clip could not be played" });
        this.next();
      });
      this.element.append(video);
    });
  }

  push({ meta, bytes }: Chunk): void {
    if (meta.turn !== this.turn) {
      this.flush();
      this.turn = meta.turn;
      this.end = this.played = 0;
    }
    this.end = Math.max(this.end, meta.start_ms + meta.duration_ms);
    this.queue.push({ meta, url: URL.createObjectURL(new Blob([bytes], { type: meta.mime })) });
    if (!this.playing) this.next();
    else this.preload();
  }

  timeMs(): number {
    if (!this.playing) return this.played;
    const { start_ms, duration_ms } = this.playing.meta;
    return start_ms + Math.min(this.videos[this.front].currentTime * 1000, duration_ms);
  }

  endMs(): number {
    return this.end;
  }

  dry(): boolean {
    return !this.playing && this.queue.length === 0;
  }

  flush(): void {
    this.cancelFrame?.();
    this.cancelFrame = null;
    for (const video of this.videos) video.pause();
    for (const clip of [...this.queue, ...(this.playing ? [this.playing] : [])]) URL.revokeObjectURL(clip.url);
    this.queue = [];
    this.playing = this.preloaded = null;
    this.turn = -1;
  }

  nudge(): void {
    if (this.playing) void playOrMute(this.videos[this.front], () => undefined);
  }

  setVolume(volume: number, muted: boolean): void {
    this.volume = volume;
    this.muted = muted;
    for (const video of this.videos) {
      video.volume = volume;
      video.muted = muted || this.blockedNow;
    }
  }

  unlock(): void {
    if (!this.blockedNow) return;
    this.blockedNow = false;
    this.setVolume(this.volume, this.muted);
    this.emit("unblocked", undefined);
  }

  destroy(): void {
    this.flush();
    this.removeAll();
    for (const video of this.videos) {
      video.removeAttribute("src");
      video.load();
    }
    this.element.remove();
  }

  /** Loads the next clip into the element at the back. */
  private preload(): void {
    const clip = this.queue[0];
    if (!clip || this.preloaded === clip) return;
    this.preloaded = clip;
    this.videos[1 - this.front].src = clip.url;
  }

  private next(): void {
    if (this.playing) {
      this.played = this.playing.meta.start_ms + this.playing.meta.duration_ms;
      URL.revokeObjectURL(this.playing.url);
    }
    this.playing = null;
    if (this.queue.length === 0) return;
    this.preload();
    this.playing = this.queue.shift()!;
    this.front = 1 - this.front;
    const video = this.videos[this.front];
    const old = this.videos[1 - this.front];
    const turn = this.turn;
    video.style.zIndex = "0";
    old.style.zIndex = "1";
    this.cancelFrame?.();
    this.cancelFrame = onFrame(video, 0, () => {
      video.style.zIndex = "1";
      old.style.zIndex = "0";
      this.emit("shown", { turn });
      this.preload();
    });
    void playOrMute(video, () => {
      this.blockedNow = true;
      this.emit("blocked", undefined);
    });
  }
}
