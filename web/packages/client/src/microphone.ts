/**
 * Microphone: an open microphone of the browser.
 *
 * The usual way is an AudioWorklet that gives frames of 16-bit samples; where there is none, MediaRecorder gives WebM/Opus. The
 * audio context runs at 16 kHz where the browser allows it (then it resamples), else at the device's rate. Opened by open(),
 * it is silent until begin(); end() gives out the rest; close() lets the device go.
 */
import type { Capture } from "./capture.worklet";
import { Emitter } from "./emitter";
import { SPEECH_RATE, sentRate } from "./pcm";
import type { AudioFormat } from "./protocol";

export type MicFault = "insecure" | "unsupported" | "denied" | "none" | "gone" | "busy" | "unplugged" | "failed";

const FAULTS: Record<MicFault, string> = {
  insecure: "browsers give the microphone to pages from https:// or http://localhost only; open the page that way",
  unsupported: "this browser cannot record sound; use a current Chrome, Edge, Firefox or Safari",
  denied: "the browser or the system does not let this page use the microphone; allow it in the browser's page settings",
  none: "there is no microphone; plug one in, then try again",
  gone: "the chosen microphone is not there; plug it in or choose another",
  busy: "the microphone could not be opened; close other programs that use it, then try again",
  unplugged: "the microphone was unplugged; plug it in or choose another",
  failed: "the microphone could not be used",
};

export class MicError extends Error {
  constructor(readonly fault: MicFault, detail = "") {
    super(detail ? `${FAULTS[fault]} (${detail})` : FAULTS[fault]);
    this.name = "MicError";
  }
}

export interface MicOptions {
  /** Address of capture.worklet as a module of its own. */
  workletUrl: string;
  /** One of microphones(); empty for the browser's own choice. */
  deviceId?: string;
}

export interface MicEvents {
  /** Sound for the server, in the microphone's `format`. */
  audio: ArrayBuffer;
  /** Loudness of the last moment, in dB of full scale. */
  level: { db: number };
  /** It does not work any more. */
  fault: MicError;
}

export interface MicDevice {
  id: string;
  /** Empty until the microphone may be used. */
  label: string;
}

/** Below fifty messages a second, the server's limit; its frames may be 20 to 100 ms. */
const FRAME_MS = 40;
const RECORDER_MS = 100;
const RECORDER_TYPE = "audio/webm;codecs=opus";
/** The audio thread answers in a moment, unless it is dead. */
const END_MS = 500;
const SILENCE_DB = -100;

export const decibels = (rms: number) => (rms > 0 ? Math.max(SILENCE_DB, 20 * Math.log10(rms)) : SILENCE_DB);

/** Why recording is impossible here, or null. */
export function cannotRecord(): MicError | null {
  if (!globalThis.isSecureContext) return new MicError("insecure");
  if (!navigator.mediaDevices?.getUserMedia) return new MicError("unsupported");
  const recorder = typeof MediaRecorder !== "undefined" && MediaRecorder.isTypeSupported(RECORDER_TYPE);
  return typeof AudioWorkletNode !== "undefined" || recorder ? null : new MicError("unsupported");
}

/** The microphones to choose from; the browser's own choice and its doubles are left out. */
export async function microphones(): Promise<MicDevice[]> {
  const all = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  return all
    .filter((d) => d.kind === "audioinput" && d.deviceId && d.deviceId !== "default" && d.deviceId !== "communications")
    .map((d) => ({ id: d.deviceId, label: d.label }));
}

function micError(e: unknown): MicError {
  const { name = "", message = String(e) } = (e ?? {}) as { name?: string; message?: string };
  if (e instanceof MicError) return e;
  if (/^(NotAllowed|PermissionDenied|Security)Error$/.test(name)) return new MicError("denied", message);
  if (/^(NotFound|DevicesNotFound)Error$/.test(name)) return new MicError("none");
  if (/^(Overconstrained|ConstraintNotSatisfied)Error$/.test(name)) return new MicError("gone");
  if (/^(NotReadable|TrackStart|Abort)Error$/.test(name)) return new MicError("busy", message);
  return new MicError("failed", message);
}

/** Where the sound comes out of: the worklet or the recorder. */
interface Source {
  readonly format: AudioFormat;
  readonly rate: number;
  begin(): void;
  /** Resolves when all sound has been given out. */
  end(): Promise<void>;
  close(): void;
}

type Emit = (audio: ArrayBuffer | null, db?: number) => void;

/** Firefox does not connect a microphone to a context of another rate. */
async function contextFor(stream: MediaStream): Promise<[AudioContext, MediaStreamAudioSourceNode]> {
  for (const options of [{ sampleRate: SPEECH_RATE }, {}]) {
    const context = new AudioContext({ ...options, latencyHint: "interactive" });
    try {
      const node = context.createMediaStreamSource(stream);
      if (context.state !== "running") await context.resume();
      return [context, node];
    } catch (e) {
      void context.close().catch(() => undefined);
      if (!("sampleRate" in options)) throw e;
    }
  }
  throw new MicError("failed");
}

async function workletSource(stream: MediaStream, workletUrl: string, emit: Emit): Promise<Source> {
  const [context, input] = await contextFor(stream);
  const rate = sentRate(context.sampleRate);
  let ended: (() => void) | null = null;
  try {
    await context.audioWorklet.addModule(workletUrl);
  } catch (e) {
    void context.close().catch(() => undefined);
    throw new MicError("failed", `${workletUrl}: ${(e as Error).message}`);
  }
  const node = new AudioWorkletNode(context, "avatar-chat-capture", { processorOptions: { toRate: rate, frameMs: FRAME_MS } });
  node.port.onmessage = ({ data }: MessageEvent<Capture>) => {
    if (data.end) ended?.();
    else emit(data.pcm!, decibels(data.rms!));
  };
  input.connect(node);
  node.connect(context.destination); /* gives silence; what leads nowhere is not run everywhere */
  return {
    format: "pcm_s16le",
    rate,
    begin: () => node.port.postMessage("begin"),
    end: () =>
      new Promise((done) => {
        ended = done;
        node.port.postMessage("end");
        setTimeout(done, END_MS);
      }),
    close: () => void context.close().catch(() => undefined),
  };
}

function recorderSource(stream: MediaStream, emit: Emit): Source {
  let recorder: MediaRecorder | null = null;
  /* Blobs are read one after the other. */
  let reading: Promise<void> = Promise.resolve();
  const context = typeof AudioContext === "undefined" ? null : new AudioContext();
  const analyser = context?.createAnalyser();
  if (context && analyser) context.createMediaStreamSource(stream).connect(analyser);
  const wave = new Float32Array(analyser?.fftSize ?? 0);
  const measure = () => {
    analyser?.getFloatTimeDomainData(wave);
    if (analyser && recorder) emit(null, decibels(Math.sqrt(wave.reduce((sum, v) => sum + v * v, 0) / wave.length)));
  };
  const meter = setInterval(measure, RECORDER_MS);
  return {
    format: "webm",
    rate: 48_000,
    begin() {
      recorder = new MediaRecorder(stream, { mimeType: RECORDER_TYPE, audioBitsPerSecond: 32_000 });
      recorder.ondataavailable = ({ data }) => {
        reading = reading.then(async () => emit(await data.arrayBuffer()));
      };
      recorder.start(RECORDER_MS);
    },
    end: () =>
      new Promise((done) => {
        const old = recorder;
        recorder = null;
        if (!old || old.state === "inactive") return void reading.then(done);
        old.onstop = () => void reading.then(done);
        old.stop();
      }),
    close() {
      clearInterval(meter);
      void context?.close().catch(() => undefined);
    },
  };
}

export class Microphone extends Emitter<MicEvents> {
  private constructor(private readonly stream: MediaStream, private source: Source | null) {
    super();
  }

  /** Asks for the microphone. Rejects with a MicError. */
  static async open({ workletUrl, deviceId }: MicOptions): Promise<Microphone> {
    const cannot = cannotRecord();
    if (cannot) throw cannot;
    let stream: MediaStream | null = null;
    try {
      stream = await navigator.mediaDevices.getUserMedia({
        audio: {
          channelCount: 1,
          echoCancellation: true,
          noiseSuppression: true,
          autoGainControl: true,
          ...(deviceId ? { deviceId: { exact: deviceId } } : {}),
        },
      });
      const mic = new Microphone(stream, null);
      const emit: Emit = (audio, db) => {
        if (audio?.byteLength) mic.emit("audio", audio);
        if (db !== undefined) mic.emit("level", { db });
      };
      mic.source = typeof AudioWorkletNode === "undefined" ? recorderSource(stream, emit) : await workletSource(stream, workletUrl, emit);
      for (const track of stream.getTracks()) track.onended = () => mic.emit("fault", new MicError("unplugged"));
      return mic;
    } catch (e) {
      stream?.getTracks().forEach((track) => track.stop());
      throw micError(e);
    }
  }

  get format(): AudioFormat {
    return this.source!.format;
  }
  /** Samples a second of what `audio` gives. */
  get rate(): number {
    return this.source!.rate;
  }
  get deviceId(): string {
    return this.stream.getAudioTracks()[0]?.getSettings?.().deviceId ?? "";
  }
  get label(): string {
    return this.stream.getAudioTracks()[0]?.label ?? "";
  }

  begin(): void {
    this.source?.begin();
  }

  async end(): Promise<void> {
    await this.source?.end();
  }

  close(): void {
    for (const track of this.stream.getTracks()) {
      track.onended = null;
      track.stop();
    }
    this.source?.close();
    this.removeAll();
  }
}
