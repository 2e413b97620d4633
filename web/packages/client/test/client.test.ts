/** The client: messages, connection, reconnection. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { AvatarClient, type ChunkMeta, type ClientEvents, type ConnectionEvent } from "../src";
import { FakeSocket, meta } from "./fakes";

const READY = { session_id: "s", version: "1", language: "en", avatar: "a", voice: "v", delivery: "stream" };

function make(over: object = {}) {
  const client = new AvatarClient({
    url: "ws://host/ws",
    sessionId: "s1",
    prefs: { language: "en" },
    WebSocket: FakeSocket as unknown as typeof WebSocket,
    random: () => 1,
    ...over,
  });
  const log: [string, unknown][] = [];
  for (const name of ["chunk", "protocol_error", "connection", "text_chunk", "error", "session_ready"] as (keyof ClientEvents)[])
    client.on(name, (e) => log.push([name, e]));
  const of = (name: string) => log.filter(([n]) => n === name).map(([, e]) => e);
  return { client, of };
}

function connected(over: object = {}) {
  const made = make(over);
  made.client.connect();
  FakeSocket.last.accept();
  FakeSocket.last.server("session_ready", READY);
  return made;
}

beforeEach(() => {
  vi.useFakeTimers();
  FakeSocket.all = [];
});
afterEach(() => vi.useRealTimers());

describe("session", () => {
  it("says hello with the preferences and is connected when the server is ready", () => {
    const { client, of } = make();
    client.connect();
    expect(FakeSocket.last.url).toBe("ws://host/ws/s1");
    expect(FakeSocket.last.binaryType).toBe("arraybuffer");
    expect(client.text("too soon")).toBe(false);
    FakeSocket.last.accept();
    expect(FakeSocket.last.sent).toEqual([{ type: "hello", data: { language: "en" } }]);
    expect(client.status).toBe("connecting");
    FakeSocket.last.server("session_ready", READY);
    expect(client.status).toBe("connected");
    expect(of("session_ready")).toEqual([READY]);
  });

  it.each([
    ["text", (c: AvatarClient) => c.text("hi", 12.6), { text: "hi", idle_ms: 13 }],
    ["say", (c: AvatarClient) => c.say("hi"), { text: "hi" }],
    ["interrupt", (c: AvatarClient) => c.interrupt(), {}],
    ["config", (c: AvatarClient) => c.config({ voice: "rms" }), { voice: "rms" }],
    ["playback", (c: AvatarClient) => c.playback(3, 99.5), { turn: 3, heard_ms: 100 }],
    ["playback", (c: AvatarClient) => c.playback(3, 99.5, 7.2), { turn: 3, heard_ms: 100, idle_ms: 7 }],
    ["audio_start", (c: AvatarClient) => c.audioStart({ mode: "hands_free", format: "webm", sample_rate: 48000 }, 1), { mode: "hands_free", format: "webm", sample_rate: 48000, idle_ms: 1 }],
    ["binary", (c: AvatarClient) => c.audio(new ArrayBuffer(6)), { bytes: 6 }],
    ["audio_end", (c: AvatarClient) => c.audioEnd(), {}],
  ] as const)("sends %s", (type, act, data) => {
    const { client } = connected();
    expect(act(client)).toBe(true);
    expect(FakeSocket.last.sent.at(-1)).toEqual({ type, data });
  });

  it("gives the token in the address, asked for anew at each attempt", () => {
    let token = "";
    const { client } = make({ token: () => token });
    client.connect();
    expect(FakeSocket.last.url).toBe("ws://host/ws/s1");
    FakeSocket.last.drop();
    token = "a b&c";
    client.retryNow();
    expect(FakeSocket.last.url).toBe("ws://host/ws/s1?token=a%20b%26c");
    make({ token: "a-fixed-token", url: "wss://host/ws/" }).client.connect();
    expect(FakeSocket.last.url).toBe("wss://host/ws/s1?token=a-fixed-token");
  });

  it("keeps the token out of what it says when the address is none", () => {
    class Choosy {
      constructor(url: string) {
        throw new SyntaxError(`The URL '${url}' is invalid.`);
      }
    }
    const { client, of } = make({ token: "a-secret-token", WebSocket: Choosy });
    client.connect();
    const { reason, refused } = of("connection").at(-1) as ConnectionEvent;
    expect([reason, refused]).toEqual(["SyntaxError: The URL 'ws://host/ws/s1' is invalid.", false]);
  });

  it("tells a socket that never opened from one that was lost", () => {
    const { client, of } = make();
    const refused = () => (of("connection").at(-1) as ConnectionEvent).refused;
    client.connect();
    FakeSocket.last.drop();
    expect(refused()).toBe(true);
    client.retryNow();
    expect(refused()).toBeUndefined();
    FakeSocket.last.accept();
    FakeSocket.last.drop();
    expect(refused()).toBe(false);
  });

  it("ignores unknown types and reports what is not JSON", () => {
    const { of } = connected();
    FakeSocket.last.server("novelty", { a: 1 });
    FakeSocket.last.raw("{nonsense");
    FakeSocket.last.server("text_chunk", { turn: 1, chunk: "x" });
    expect(of("protocol_error")).toHaveLength(1);
    expect(of("text_chunk")).toEqual([{ turn: 1, chunk: "x" }]);
  });
});

describe("kept conversations", () => {
  const NAMED = { client: "c".repeat(32), conversation: "a" };
  const hellos = () => FakeSocket.all.flatMap((s) => s.sent).filter((m) => m.type === "hello").map((m) => m.data.conversation);

  it("names the client and goes on with the one that is on, also after a reconnect", () => {
    const { client } = connected(NAMED);
    expect(FakeSocket.last.sent[0].data).toEqual({ language: "en", client: NAMED.client, conversation: "a" });
    FakeSocket.last.server("conversation", { id: "a", title: "A", messages: [] });
    client.converse("new");
    FakeSocket.last.server("conversation", { id: "n", title: "N", messages: [] });
    FakeSocket.last.drop();
    client.retryNow();
    FakeSocket.last.accept();
    expect([hellos(), client.conversation]).toEqual([["a", "new", "n"], "n"]);
  });

  it("takes only the one that was wished last", () => {
    const { client } = connected(NAMED);
    const got: string[] = [];
    client.on("conversation", ({ id }) => got.push(id));
    client.converse("b");
    for (const id of ["a", "b"]) FakeSocket.last.server("conversation", { id, title: id, messages: [] });
    client.converse("c");
    client.converse("new");
    for (const id of ["c", "n"]) FakeSocket.last.server("conversation", { id, title: id, messages: [] });
    expect([got, client.conversation]).toEqual([["b", "n"], "n"]);
  });

  it("without a name keeps and asks nothing", () => {
    connected({ conversation: "a" });
    expect(hellos()).toEqual([undefined]);
  });

  it("remembers a wish of the time without a connection", () => {
    const { client } = connected(NAMED);
    FakeSocket.last.drop();
    expect(client.converse("b")).toBe(false);
    client.retryNow();
    FakeSocket.last.accept();
    expect(hellos()).toEqual(["a", "b"]);
  });

  it("tells when it is gone, in place of the error", () => {
    const { client, of } = connected(NAMED);
    const gone = vi.fn();
    client.on("conversation_gone", gone);
    FakeSocket.last.server("error", { code: "not_found", message: "none", retryable: false });
    FakeSocket.last.server("error", { code: "not_found", message: "no such voice", retryable: false });
    expect([gone.mock.calls, of("error"), client.conversation]).toEqual([[[{ id: "a", message: "" }]], [{ code: "not_found", message: "no such voice", retryable: false }], ""]);
  });
});

describe("pairing of media", () => {
  const bytes = (n: number) => new ArrayBuffer(n);

  it("joins each meta with the frame behind it, in order", () => {
    const { of } = connected();
    for (let i = 0; i < 3; i++) {
      FakeSocket.last.server("video_chunk_meta", meta(1, i, { size: i + 1 }));
      FakeSocket.last.raw(bytes(i + 1));
    }
    const chunks = of("chunk") as { meta: ChunkMeta; bytes: ArrayBuffer }[];
    expect(chunks.map((c) => [c.meta.chunk, c.bytes.byteLength])).toEqual([[0, 1], [1, 2], [2, 3]]);
  });

  it.each([
    ["a frame without meta", () => FakeSocket.last.raw(bytes(4))],
    ["a frame of another size", () => (FakeSocket.last.server("video_chunk_meta", meta(1, 0)), FakeSocket.last.raw(bytes(9)))],
    ["a message in between", () => {
      FakeSocket.last.server("video_chunk_meta", meta(1, 0));
      FakeSocket.last.server("state", { state: "idle", turn: 1 });
    }],
  ])("drops %s and says so", (_name, act) => {
    const { of } = connected();
    act();
    expect(of("protocol_error")).toHaveLength(1);
    expect(of("chunk")).toEqual([]);
    FakeSocket.last.server("video_chunk_meta", meta(1, 1, { size: 2 }));
    FakeSocket.last.raw(bytes(2));
    expect(of("chunk")).toHaveLength(1);
  });

  it("does not pair across a reconnect", () => {
    const { of } = connected();
    FakeSocket.last.server("video_chunk_meta", meta(1, 0));
    FakeSocket.last.drop();
    vi.advanceTimersByTime(500);
    FakeSocket.last.accept();
    FakeSocket.last.raw(bytes(8));
    expect(of("chunk")).toEqual([]);
  });
});

describe("reconnection", () => {
  it("comes back to its session with the token it was given last", () => {
    const { client } = make();
    client.connect();
    FakeSocket.last.accept();
    expect(FakeSocket.last.sent[0].data).toEqual({ language: "en" });
    FakeSocket.last.server("session_ready", { ...READY, resume_token: "t1" });
    FakeSocket.last.server("session_ready", { ...READY, resume_token: "t2" });
    FakeSocket.last.drop();
    vi.advanceTimersByTime(60_000);
    FakeSocket.last.accept();
    expect(FakeSocket.last.url).toBe("ws://host/ws/s1");
    expect(FakeSocket.last.sent).toEqual([{ type: "hello", data: { language: "en", resume: "t2" } }]);
  });

  it("takes another id where the session is not its own", () => {
    const { client } = connected({ sessionId: "s1" });
    FakeSocket.last.drop(1008);
    expect(client.sessionId).not.toBe("s1");
    vi.advanceTimersByTime(60_000);
    FakeSocket.last.accept();
    expect(FakeSocket.last.url).toBe(`ws://host/ws/${client.sessionId}`);
    expect(FakeSocket.last.sent).toEqual([{ type: "hello", data: { language: "en" } }]);
  });

  it("waits longer each time, up to the limit, and keeps the session id", () => {
    const { of } = connected({ backoff: { firstMs: 100, maxMs: 1000 } });
    const waits: number[] = [];
    for (let i = 0; i < 6; i++) {
      FakeSocket.last.drop();
      const { status, retryInMs } = of("connection").at(-1) as ConnectionEvent;
      expect(status).toBe("lost");
      waits.push(retryInMs);
      const sockets = FakeSocket.all.length;
      vi.advanceTimersByTime(retryInMs - 1);
      expect(FakeSocket.all).toHaveLength(sockets);
      vi.advanceTimersByTime(1);
      expect(FakeSocket.all).toHaveLength(sockets + 1);
    }
    expect(waits).toEqual([100, 200, 400, 800, 1000, 1000]);
    expect(new Set(FakeSocket.all.map((s) => s.url)).size).toBe(1);
  });

  it("spreads the attempts of many pages", () => {
    const { of } = connected({ backoff: { firstMs: 100 }, random: () => 0 });
    FakeSocket.last.drop();
    expect((of("connection").at(-1) as ConnectionEvent).retryInMs).toBe(50);
  });

  it("says hello with what was configured since", () => {
    const { client } = connected();
    client.config({ voice: "rms" });
    FakeSocket.last.drop();
    vi.advanceTimersByTime(1000);
    FakeSocket.last.accept();
    expect(FakeSocket.last.sent[0]).toEqual({ type: "hello", data: { language: "en", voice: "rms" } });
  });

  it("is more patient with a full server", () => {
    const { of } = connected();
    FakeSocket.last.drop(1013, "no free session");
    expect(of("connection").at(-1)).toMatchObject({ closeCode: 1013, reason: "no free session", retryInMs: 3000 });
  });

  it("does not come back when the session went on elsewhere, until told to", () => {
    const { client, of } = connected();
    FakeSocket.last.drop(4001, "closed");
    expect(of("connection").at(-1)).toMatchObject({ status: "closed", closeCode: 4001, retryInMs: 0 });
    vi.advanceTimersByTime(60_000);
    client.retryNow();
    expect(FakeSocket.all).toHaveLength(1);
    client.connect();
    expect(FakeSocket.all).toHaveLength(2);
  });

  it("tries at once when asked, once", () => {
    const { client } = connected();
    FakeSocket.last.drop();
    client.retryNow();
    client.retryNow();
    expect(FakeSocket.all).toHaveLength(2);
  });

  it("stays closed after close()", () => {
    const { client } = connected();
    client.close();
    expect(FakeSocket.last.closedWith).toBe(1000);
    vi.advanceTimersByTime(60_000);
    expect(FakeSocket.all).toHaveLength(1);
    expect(client.status).toBe("closed");
  });

  it("gives up a server that never gets ready", () => {
    const { client } = make({ openMs: 2000 });
    client.connect();
    FakeSocket.last.accept();
    vi.advanceTimersByTime(2000);
    expect(client.status).toBe("lost");
    expect(FakeSocket.last.closedWith).toBe(4000);
  });

  it("pings a quiet line and leaves a dead one", () => {
    const { client } = connected({ pingMs: 5000, pongMs: 3000 });
    vi.advanceTimersByTime(5000);
    expect(FakeSocket.last.sent.at(-1)?.type).toBe("ping");
    FakeSocket.last.server("pong");
    vi.advanceTimersByTime(4000);
    expect(client.status).toBe("connected");
    vi.advanceTimersByTime(2000);
    expect(FakeSocket.last.sent.at(-1)?.type).toBe("ping");
    vi.advanceTimersByTime(4000);
    expect(client.status).toBe("lost");
  });
});
