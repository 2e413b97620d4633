/**
 * A track turns the chunks of a turn into moving pictures and sound. MseTrack does it for delivery `stream`, ClipTrack for
 * `clip`. AvatarPlayer owns one, shows and hides its element, and decides when a turn is over.
 */
import { Emitter } from "./emitter";
import type { Chunk } from "./protocol";

export interface TrackEvents {
  /** The first frame of a turn, or of what came after a dry spell, is painted. */
  shown: { turn: number };
  /** play() was refused until the user does something; the person talks on without sound. */
  blocked: void;
  unblocked: void;
  error: { message: string };
}

export abstract class Track extends Emitter<TrackEvents> {
  /** Everything visible of the track. */
  abstract readonly element: HTMLElement;
  /** The turn being played, or -1. */
  abstract readonly turn: number;
  abstract push(chunk: Chunk): void;
  /** Position on the turn's media clock, and the end of what has arrived. */
  abstract timeMs(): number;
  abstract endMs(): number;
  /** Everything that arrived has been played. */
  abstract dry(): boolean;
  /** Stops at once and forgets what is queued. */
  abstract flush(): void;
  /** The picture stands although there is more to play: tries again. */
  abstract nudge(): void;
  abstract setVolume(volume: number, muted: boolean): void;
  /** Called inside a user gesture: gives the sound back after `blocked`. */
  abstract unlock(): void;
  abstract destroy(): void;
}

type FrameCallback = (now: number, metadata: { mediaTime: number }) => void;
type FrameVideo = HTMLVideoElement & { requestVideoFrameCallback?: (cb: FrameCallback) => number };

/**
 * Calls back when a frame at or past `fromS` is on the screen, or is ready to be after a seek to there; the function given back
 * cancels. Call it before the seek: a frame that is painted at once would be missed.
 */
export function onFrame(video: HTMLVideoElement, fromS: number, done: () => void): () => void {
  const v = video as FrameVideo;
  let live = true;
  const finish = () => {
    if (!live) return;
    cancel();
    done();
  };
  const seeked = () => requestAnimationFrame(() => requestAnimationFrame(finish));
  const look: FrameCallback = (_now, { mediaTime }) => {
    if (!live) return;
    if (mediaTime >= fromS - 0.05 && mediaTime < fromS + 60) finish();
    else v.requestVideoFrameCallback!(look);
  };
  const cancel = () => {
    live = false;
    video.removeEventListener("seeked", seeked);
    video.removeEventListener("playing", seeked);
  };
  video.addEventListener("seeked", seeked);
  if (v.requestVideoFrameCallback) v.requestVideoFrameCallback(look);
  else video.addEventListener("playing", seeked);
  return cancel;
}

export function newVideo(doc: Document): HTMLVideoElement {
  const video = doc.createElement("video");
  video.playsInline = true;
  video.preload = "auto";
  video.disablePictureInPicture = true;
  video.setAttribute("disableremoteplayback", "");
  video.setAttribute("aria-hidden", "true");
  video.tabIndex = -1;
  return video;
}

/** Plays; when the browser refuses sound without a gesture, plays muted and says so. */
export async function playOrMute(video: HTMLVideoElement, blocked: () => void): Promise<void> {
  try {
    await video.play();
  } catch (e) {
    if ((e as DOMException)?.name !== "NotAllowedError") return; /* AbortError: a flush overtook it */
    video.muted = true;
    blocked();
    await video.play().catch(() => undefined);
  }
}
