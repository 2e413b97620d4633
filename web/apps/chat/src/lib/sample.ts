/**
 * Plays a sentence in a voice without touching the conversation: a session of its own for as long as it takes, delivery `clip`, of which
 * only the sound is played. Nothing is kept of it, since it gives no `client`.
 */
import { AvatarClient, type Chunk, type ClientOptions, type Prefs } from "@avatar-chat/client";
import { clientToken } from "./token";

export type SampleFault = "silent" | "late" | { message: string };

export interface SampleOptions {
  url: string;
  prefs: Prefs;
  text: string;
  volume: number;
  /** Over: all was heard, or why not. Not called after the function given back was. */
  done: (fault?: SampleFault) => void;
  WebSocket?: ClientOptions["WebSocket"];
  lateMs?: number;
}

const LATE_MS = 20_000;

/** Begin it inside a gesture. The function given back stops it. */
export function playSample({ url, prefs, text, volume, done, WebSocket, lateMs = LATE_MS }: SampleOptions): () => void {
  const client = new AvatarClient({ url, token: clientToken, prefs: { ...prefs, delivery: "clip" }, WebSocket });
  const audio = new Audio();
  const waiting: Chunk[] = [];
  let [asked, whole, playing, heard, live] = [false, false, false, false, true];
  const late = setTimeout(() => end("late"), lateMs);

  function stop(): void {
    live = false;
    clearTimeout(late);
    client.close();
    audio.pause();
    if (audio.src) URL.revokeObjectURL(audio.src);
    audio.removeAttribute("src");
  }
  function end(fault?: SampleFault): void {
    if (!live) return;
    stop();
    done(fault);
  }
  function next(): void {
    const chunk = waiting.shift();
    if (!chunk) {
      playing = false;
      return whole ? end(heard ? undefined : "silent") : undefined;
    }
    clearTimeout(late);
    playing = heard = true;
    if (audio.src) URL.revokeObjectURL(audio.src);
    audio.src = URL.createObjectURL(new Blob([chunk.bytes], { type: chunk.meta.mime }));
    audio.play().catch((e: Error) => live && end({ message: e.message }));
  }

  audio.volume = volume;
  audio.addEventListener("ended", next);
  client.on("connection", ({ status, reason }) => {
    if (status === "connected" && !asked) asked = client.say(text);
    if (status === "lost" || status === "closed") end(asked && whole ? undefined : reason ? { message: reason } : "late");
  });
  client.on("chunk", (chunk) => {
    waiting.push(chunk);
    if (!playing) next();
  });
  client.on("error", ({ message }) => end({ message }));
  client.on("degraded", ({ stage, from, to, reason }) => stage === "tts" && end({ message: `${from} → ${to}: ${reason}` }));
  client.on("turn_done", () => {
    whole = true;
    if (!playing) next();
  });
  client.connect();
  return stop;
}
