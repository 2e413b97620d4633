/** The microphone as a part of the conversation. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { AvatarClient, MicError, Microphone, VoiceInput, type MicOptions } from "../src";
import { Emitter } from "../src/emitter";
import { FakeSocket } from "./fakes";

/** A microphone worked by the test. */
class FakeMic extends Emitter<{ audio: ArrayBuffer; level: { db: number }; fault: MicError }> {
  format = "pcm_s16le" as const;
  rate = 16000;
  label = "Fake";
  log: string[] = [];
  begin = () => void this.log.push("begin");
  async end(): Promise<void> {
    this.log.push("end");
    this.sound(2); /* what was still on its way */
  }
  close = () => void this.log.push("close");
  sound(bytes = 4): void {
    this.emit("audio", new ArrayBuffer(bytes));
  }
  fail(fault: MicError): void {
    this.emit("fault", fault);
  }
}

function setup() {
  const client = new AvatarClient({ url: "ws://h/ws", WebSocket: FakeSocket as unknown as typeof WebSocket, random: () => 1 });
  client.connect();
  const accept = () => {
    FakeSocket.last.accept();
    FakeSocket.last.server("session_ready");
    FakeSocket.last.sent.length = 0;
  };
  accept();
  const opens: { options: MicOptions; give: (mic: FakeMic) => void; refuse: (e: MicError) => void }[] = [];
  const open = (options: MicOptions) =>
    new Promise<Microphone>((done, refuse) => opens.push({ options, give: (mic) => done(mic as unknown as Microphone), refuse }));
  const voice = new VoiceInput(client, { workletUrl: "/w.js", open, idleMs: () => 12.4 });
  const statuses: string[] = [];
  const faults: string[] = [];
  voice.on("status", (e) => statuses.push(e.status));
  voice.on("error", (e) => faults.push(e.fault));
  const sent = () => FakeSocket.last.sent.map((m) => m.type);
  return { client, voice, opens, statuses, faults, sent, accept };
}

const settle = async () => {
  for (let i = 0; i < 10; i++) await Promise.resolve();
};

async function listening(mode: "hands_free" | "push_to_talk" = "hands_free") {
  const s = setup();
  void s.voice.start(mode, "dev");
  await settle();
  const mic = new FakeMic();
  s.opens[0].give(mic);
  await settle();
  return { ...s, mic };
}

function visibility(state: "hidden" | "visible"): void {
  Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}

beforeEach(() => {
  FakeSocket.all = [];
});
afterEach(() => visibility("visible"));

describe("VoiceInput", () => {
  it.each(["hands_free", "push_to_talk"] as const)("%s: start, sound, end, in this order", async (mode) => {
    const { voice, mic, opens, sent, statuses } = await listening(mode);
    expect(opens[0].options).toEqual({ workletUrl: "/w.js", deviceId: "dev" });
    expect(FakeSocket.last.sent).toEqual([{ type: "audio_start", data: { mode, format: "pcm_s16le", sample_rate: 16000, idle_ms: 12 } }]);
    mic.sound();
    mic.sound();
    await voice.stop();
    expect(sent()).toEqual(["audio_start", "binary", "binary", "binary", "audio_end"]);
    expect(mic.log).toEqual(["begin", "end", "close"]);
    expect(statuses).toEqual(["opening", "on", "off"]);
    mic.sound();
    expect(sent().at(-1)).toBe("audio_end");
  });

  it("lets a microphone go that opens after the button was released", async () => {
    const { voice, opens, sent, statuses } = setup();
    void voice.start("push_to_talk");
    await settle();
    await voice.stop();
    const mic = new FakeMic();
    opens[0].give(mic);
    await settle();
    expect(mic.log).toEqual(["close"]);
    expect([sent(), statuses]).toEqual([[], ["opening", "off"]]);
  });

  it("tells a refusal once, but not that of an attempt that was given up", async () => {
    const { voice, opens, faults, statuses } = setup();
    void voice.start("hands_free");
    await settle();
    opens[0].refuse(new MicError("denied"));
    await settle();
    expect([faults, statuses]).toEqual([["denied"], ["opening", "off"]]);
    void voice.start("hands_free");
    await settle();
    void voice.stop();
    opens[1].refuse(new MicError("denied"));
    await settle();
    expect(faults).toEqual(["denied"]);
  });

  it("switches to another device: the first stream ends before the second begins", async () => {
    const { voice, mic, opens, sent } = await listening();
    void voice.start("hands_free", "other");
    await settle();
    expect(mic.log).toEqual(["begin", "end", "close"]);
    opens[1].give(new FakeMic());
    await settle();
    expect(sent()).toEqual(["audio_start", "binary", "audio_end", "audio_start"]);
    expect(voice.status).toBe("on");
  });

  it("ends when the device is unplugged, and says so", async () => {
    const { voice, mic, sent, faults } = await listening();
    mic.fail(new MicError("unplugged"));
    await settle();
    expect([voice.status, faults, mic.log.at(-1), sent().at(-1)]).toEqual(["off", ["unplugged"], "close", "audio_end"]);
  });

  it("begins the stream anew on a new connection; no sound goes out before", async () => {
    const { client, voice, mic, sent, accept } = await listening();
    FakeSocket.last.drop();
    mic.sound();
    client.retryNow();
    mic.sound();
    expect(sent()).toEqual([]);
    accept();
    await settle();
    mic.sound();
    expect(sent()).toEqual(["audio_start", "binary"]);
    expect(mic.log).toEqual(["begin", "end", "begin"]);
    expect(voice.status).toBe("on");
  });

  it("gives up what is said over a broken connection in push to talk", async () => {
    const { client, voice, mic, sent, accept } = await listening("push_to_talk");
    FakeSocket.last.drop();
    client.retryNow();
    accept();
    await settle();
    expect([voice.status, mic.log.at(-1), sent()]).toEqual(["off", "close", []]);
  });

  it("goes off with the conversation", async () => {
    const { client, voice, mic } = await listening();
    client.close();
    await settle();
    expect([voice.status, mic.log.at(-1)]).toEqual(["off", "close"]);
  });

  it("goes off when the server has ended the stream, but not for the idle of before it", async () => {
    const { voice } = await listening();
    FakeSocket.last.server("state", { state: "idle", turn: 0 });
    expect(voice.status).toBe("on");
    for (const state of ["listening", "thinking", "speaking", "listening"]) FakeSocket.last.server("state", { state, turn: 1 });
    expect(voice.status).toBe("on");
    FakeSocket.last.server("state", { state: "idle", turn: 1 });
    await settle();
    expect(voice.status).toBe("off");
  });

  it("lets the microphone go while the page is hidden and takes it up again", async () => {
    const { voice, mic, opens, sent } = await listening();
    visibility("hidden");
    await settle();
    expect([voice.status, mic.log.at(-1), sent().at(-1)]).toEqual(["paused", "close", "audio_end"]);
    visibility("visible");
    await settle();
    expect(opens[1].options.deviceId).toBe("dev");
    opens[1].give(new FakeMic());
    await settle();
    expect([voice.status, sent().at(-1)]).toEqual(["on", "audio_start"]);
  });

  it("does not take it up again when it was switched off while hidden, nor in push to talk", async () => {
    const a = await listening();
    visibility("hidden");
    await a.voice.stop();
    visibility("visible");
    await settle();
    expect([a.voice.status, a.opens.length]).toEqual(["off", 1]);
    const b = await listening("push_to_talk");
    visibility("hidden");
    visibility("visible");
    await settle();
    expect([b.voice.status, b.opens.length]).toEqual(["off", 1]);
  });

  it("sends nothing while too much waits", async () => {
    const { mic, sent } = await listening();
    FakeSocket.last.bufferedAmount = 1 << 20;
    mic.sound();
    FakeSocket.last.bufferedAmount = 0;
    mic.sound();
    expect(sent()).toEqual(["audio_start", "binary"]);
  });

  it("is silent after destroy", async () => {
    const { voice, mic, opens, statuses } = await listening();
    voice.destroy();
    await settle();
    expect(mic.log.at(-1)).toBe("close");
    statuses.length = 0;
    visibility("hidden");
    visibility("visible");
    await settle();
    expect([opens.length, statuses]).toEqual([1, []]);
  });
});

describe("Microphone", () => {
  const devices = (getUserMedia: unknown, list: unknown[] = []) => {
    vi.stubGlobal("isSecureContext", true);
    vi.stubGlobal("AudioWorkletNode", class {});
    Object.defineProperty(navigator, "mediaDevices", { value: getUserMedia && { getUserMedia, enumerateDevices: async () => list }, configurable: true });
  };
  afterEach(() => vi.unstubAllGlobals());
  const fault = (over = {}) => Microphone.open({ workletUrl: "/w.js", ...over }).then(() => "none", (e: MicError) => e.fault);

  it.each([
    ["NotAllowedError", "denied"],
    ["SecurityError", "denied"],
    ["NotFoundError", "none"],
    ["OverconstrainedError", "gone"],
    ["NotReadableError", "busy"],
    ["AbortError", "busy"],
    ["TypeError", "failed"],
  ])("%s is %s", async (name, wanted) => {
    devices(async () => {
      throw new DOMException("why", name);
    });
    expect(await fault()).toBe(wanted);
  });

  it("tells an insecure page, and a browser that cannot record, apart", async () => {
    devices(async () => undefined);
    vi.stubGlobal("isSecureContext", false);
    expect(await fault()).toBe("insecure");
    devices(undefined);
    expect(await fault()).toBe("unsupported");
    devices(async () => undefined);
    vi.stubGlobal("AudioWorkletNode", undefined);
    vi.stubGlobal("MediaRecorder", undefined);
    expect(await fault()).toBe("unsupported");
  });

  it("asks for one channel without echo and noise, and for the chosen device exactly", async () => {
    const asked: MediaStreamConstraints[] = [];
    devices(async (c: MediaStreamConstraints) => {
      asked.push(c);
      throw new DOMException("", "NotFoundError");
    });
    await fault();
    await fault({ deviceId: "d" });
    const audio = { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true };
    expect(asked).toEqual([{ audio }, { audio: { ...audio, deviceId: { exact: "d" } } }]);
  });

  it("gives the device back when its sound cannot be taken", async () => {
    const stop = vi.fn();
    devices(async () => ({ getTracks: () => [{ stop }], getAudioTracks: () => [] }));
    vi.stubGlobal("AudioContext", class {
      constructor() {
        throw new DOMException("no device", "NotSupportedError");
      }
    });
    expect(await fault()).toBe("failed");
    expect(stop).toHaveBeenCalledOnce();
  });

  it.each([
    ["worklet at 16 kHz", 16000, false, { sampleRate: 16000 }, 16000],
    ["worklet at the device's rate, where the browser wants it (Firefox)", 16000, true, undefined, 44100],
  ])("%s", async (_name, _rate, refuses, wanted, sent) => {
    const contexts: FakeContext[] = [];
    class FakeContext {
      state = "suspended";
      sampleRate: number;
      destination = {};
      audioWorklet = { addModule: vi.fn(async () => undefined) };
      close = vi.fn(async () => undefined);
      constructor(readonly options: { sampleRate?: number }) {
        this.sampleRate = options.sampleRate ?? 44100;
        contexts.push(this);
      }
      resume = async () => void (this.state = "running");
      createMediaStreamSource() {
        if (refuses && this.options.sampleRate) throw new DOMException("different sample-rate", "NotSupportedError");
        return { connect: () => undefined };
      }
    }
    class FakeNode {
      port = { onmessage: (_: { data: unknown }) => undefined, postMessage: vi.fn((m: string) => m === "end" && this.port.onmessage({ data: { end: true } })) };
      connect = () => undefined;
      static last: FakeNode;
      constructor(readonly context: FakeContext, readonly name: string, readonly options: object) {
        FakeNode.last = this;
      }
    }
    const track: { stop: () => void; onended?: () => void } = { stop: vi.fn() };
    devices(async () => ({ getTracks: () => [track], getAudioTracks: () => [track] }));
    vi.stubGlobal("AudioContext", FakeContext);
    vi.stubGlobal("AudioWorkletNode", FakeNode);
    const mic = await Microphone.open({ workletUrl: "/w.js" });
    expect(contexts.at(-1)!.options).toMatchObject(wanted ?? {});
    expect(contexts.at(-1)!.state).toBe("running");
    expect([mic.format, mic.rate]).toEqual(["pcm_s16le", sent]);
    expect(FakeNode.last.options).toEqual({ processorOptions: { toRate: sent, frameMs: 40 } });
    const got: unknown[] = [];
    mic.on("audio", (bytes) => got.push(bytes.byteLength));
    mic.on("level", ({ db }) => got.push(Math.round(db)));
    mic.on("fault", (e) => got.push(e.fault));
    FakeNode.last.port.onmessage({ data: { pcm: new ArrayBuffer(8), rms: 0.1 } });
    await mic.end();
    track.onended!();
    expect(got).toEqual([8, -20, "unplugged"]);
    mic.close();
    expect(track.stop).toHaveBeenCalledOnce();
    expect(contexts.every((c) => c.close.mock.calls.length === 1)).toBe(true);
  });
});
