/**
 * VoiceInput: the microphone as a part of the conversation.
 *
 * Hands-free it listens from start() to stop(), also over a lost connection; push to talk, what is said between both is one
 * question. While the page is hidden the microphone is let go: hands-free listening is paused and comes back by itself. When
 * the server ends the stream (it tells why as `error`) the microphone goes off.
 */
import type { AvatarClient } from "./client";
import { Emitter } from "./emitter";
import { Microphone, type MicError, type MicOptions } from "./microphone";
import type { ListenMode } from "./protocol";

/** `paused`: on, but the page is hidden. */
export type VoiceStatus = "off" | "opening" | "on" | "paused";

export interface VoiceEvents {
  status: { status: VoiceStatus; mode: ListenMode; label: string };
  level: { db: number };
  error: MicError;
}

export interface VoiceOptions extends Pick<MicOptions, "workletUrl"> {
  /** Where the idle clip is now. */
  idleMs?: () => number | undefined;
  open?: (options: MicOptions) => Promise<Microphone>;
}

export class VoiceInput extends Emitter<VoiceEvents> {
  status: VoiceStatus = "off";
  mode: ListenMode = "hands_free";
  private mic: Microphone | null = null;
  /** Counts start() and stop(): what was begun before does not go on. */
  private run = 0;
  private deviceId = "";
  private halting: Promise<void> = Promise.resolve();
  /** The server has said that it listens to this stream. */
  private heard = false;
  /** `audio_start` has gone out, `audio_end` has not. */
  private streaming = false;
  private readonly offs: (() => void)[];

  constructor(private readonly client: AvatarClient, private readonly options: VoiceOptions) {
    super();
    this.offs = [
      client.on("connection", ({ status }) => {
        if (status === "connected") void this.reconnected();
        if (status === "closed") void this.stop();
      }),
      client.on("state", ({ state }) => {
        if (state === "listening") this.heard = true;
        else if (state === "idle" && this.heard && this.status === "on" && this.mode === "hands_free") void this.stop();
      }),
    ];
    document.addEventListener("visibilitychange", this.onVisibility);
    window.addEventListener("pagehide", this.onVisibility);
  }

  /** Opens the microphone and sends what it hears; what was on before ends. Faults come as `error`. */
  async start(mode: ListenMode, deviceId = ""): Promise<void> {
    const run = ++this.run;
    this.mode = mode;
    this.deviceId = deviceId;
    this.set("opening");
    await this.halt();
    if (run !== this.run) return;
    let mic: Microphone;
    try {
      mic = await (this.options.open ?? Microphone.open)({ workletUrl: this.options.workletUrl, deviceId });
    } catch (e) {
      if (run !== this.run) return;
      this.set("off");
      return this.emit("error", e as MicError);
    }
    if (run !== this.run) return mic.close();
    this.mic = mic;
    mic.on("audio", (bytes) => this.streaming && this.client.audio(bytes));
    mic.on("level", (level) => this.emit("level", level));
    mic.on("fault", (fault) => {
      void this.stop();
      this.emit("error", fault);
    });
    this.begin(mic);
    this.set("on");
  }

  async stop(): Promise<void> {
    this.run++;
    this.set("off");
    await this.halt();
  }

  destroy(): void {
    void this.stop();
    this.removeAll();
    this.offs.forEach((off) => off());
    document.removeEventListener("visibilitychange", this.onVisibility);
    window.removeEventListener("pagehide", this.onVisibility);
  }

  private begin(mic: Microphone): void {
    this.heard = false;
    this.streaming = this.client.audioStart({ mode: this.mode, format: mic.format, sample_rate: mic.rate }, this.options.idleMs?.());
    mic.begin();
  }

  /** Sends the rest and lets the microphone go. */
  private halt(): Promise<void> {
    const mic = this.mic;
    this.mic = null;
    if (mic)
      this.halting = mic.end().then(() => {
        if (this.streaming) this.client.audioEnd();
        this.streaming = false;
        mic.close();
      });
    return this.halting;
  }

  /** The server knows nothing of the stream any more. */
  private async reconnected(): Promise<void> {
    const { mic, run } = this;
    if (!mic) return;
    this.streaming = false;
    if (this.mode === "push_to_talk") return this.stop();
    await mic.end();
    if (run === this.run) this.begin(mic);
  }

  private readonly onVisibility = (event: Event): void => {
    const hidden = event.type === "pagehide" || document.visibilityState === "hidden";
    if (hidden && (this.status === "on" || this.status === "opening")) {
      /* A permission prompt may hide the page on a phone: what is being opened goes on. */
      if (this.status === "opening" && event.type !== "pagehide") return;
      const pause = this.mode === "hands_free";
      void this.stop();
      if (pause) this.set("paused");
    } else if (!hidden && this.status === "paused") {
      void this.start(this.mode, this.deviceId);
    }
  };

  private set(status: VoiceStatus): void {
    this.status = status;
    this.emit("status", { status, mode: this.mode, label: this.mic?.label ?? "" });
  }
}
