/**
 * The audio thread's part of the microphone: an AudioWorklet module of its own, loaded by address (`Microphone`'s workletUrl).
 * In: "begin", "end". Out: a Capture for each frame; one with `end` when all that came before "end" has been given out.
 */
import { Framer } from "./pcm";

export interface Capture {
  pcm?: ArrayBuffer;
  rms?: number;
  end?: true;
}

/* TypeScript's DOM library leaves the audio thread out. */
declare const sampleRate: number;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(name: string, processor: unknown): void;

class CaptureProcessor extends AudioWorkletProcessor {
  private framer: Framer | null = null;

  constructor({ processorOptions: { toRate, frameMs } }: { processorOptions: { toRate: number; frameMs: number } }) {
    super();
    this.port.onmessage = ({ data }: MessageEvent<"begin" | "end">) => {
      if (data === "begin") {
        this.framer = new Framer(sampleRate, toRate, frameMs, (pcm, rms) => {
          const bytes = pcm.buffer as ArrayBuffer;
          this.port.postMessage({ pcm: bytes, rms } satisfies Capture, [bytes]);
        });
      } else {
        this.framer?.flush();
        this.framer = null;
        this.port.postMessage({ end: true } satisfies Capture);
      }
    };
  }

  process([channels]: Float32Array[][]): boolean {
    if (this.framer && channels.length) this.framer.push(channels.length === 1 ? channels[0] : mix(channels));
    return true;
  }
}

function mix(channels: Float32Array[]): Float32Array {
  return channels[0].map((_, i) => channels.reduce((sum, c) => sum + c[i], 0) / channels.length);
}

registerProcessor("avatar-chat-capture", CaptureProcessor);
