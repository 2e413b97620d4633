/** The player: chunks, seeks, idle and talk. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { AvatarPlayer, connectPlayer, type AvatarClient, type PlayerEvents, type Sentence } from "../src";
import { FakeMediaSource, FakeSourceBuffer, fakeVideo, fragment, meta } from "./fakes";

/** Chunk 0 of each turn begins at `base`: a whole second behind everything before it. */
function setup(delivery: "stream" | "clip" = "stream") {
  const root = document.createElement("div");
  document.body.append(root);
  const created: HTMLVideoElement[] = [];
  const create = document.createElement.bind(document);
  let buffer = (): FakeSourceBuffer | null => null;
  const spy = vi.spyOn(document, "createElement").mockImplementation(((name: string) => {
    const element = create(name);
    if (name === "video") {
      created.push(element as HTMLVideoElement);
      states.push(fakeVideo(element as HTMLVideoElement, () => buffer()?.ranges ?? []));
    }
    return element;
  }) as typeof document.createElement);
  const states: ReturnType<typeof fakeVideo>[] = [];
  const player = new AvatarPlayer(root, { delivery, holdMs: 300, reportMs: 500 });
  spy.mockRestore();
  const source = FakeMediaSource.last;
  if (delivery === "stream") {
    source.open();
    buffer = () => source.buffer;
  }
  const log: [keyof PlayerEvents, unknown][] = [];
  for (const name of ["playing", "subtitle", "playback", "mark", "blocked", "error"] as const) player.on(name, (e) => log.push([name, e]));
  const marks = () => log.filter(([n]) => n === "mark").map(([, e]) => (e as PlayerEvents["mark"]).name);
  const of = (name: keyof PlayerEvents) => log.filter(([n]) => n === name).map(([, e]) => e);
  const push = (turn: number, chunk: number, over = {}) => {
    const m = meta(turn, chunk, over);
    player.push({ meta: m, bytes: fragment(m.start_ms, m.start_ms + m.duration_ms) });
    source?.buffer?.work();
  };
  const tick = (ms = 250) => vi.advanceTimersByTime(ms);
  return { root, player, source, idle: states[0], talk: states[1], spare: states[2], idleElement: created[0], talkElement: created[1], videos: created, push, tick, marks, of };
}

const opacity = (element: HTMLElement) => Number(element.style.opacity);

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("MediaSource", FakeMediaSource);
  let n = 0;
  vi.stubGlobal("URL", Object.assign(URL, { createObjectURL: () => `blob:${n++}`, revokeObjectURL: () => undefined }));
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  document.body.innerHTML = "";
});

describe("stream", () => {
  it("appends every chunk once, also those that come between an operation's end and its telling", () => {
    const { player, source } = setup();
    const give = (chunk: number) => {
      const m = meta(1, chunk);
      player.push({ meta: m, bytes: fragment(m.start_ms, m.start_ms + m.duration_ms) });
    };
    give(0);
    source.buffer!.settle();
    give(1); /* the end of the first append is untold */
    source.buffer!.work(1);
    source.buffer!.settle();
    give(2); /* the end of the removal is untold */
    source.buffer!.work();
    expect(source.buffer!.log).toEqual(["append 1.0-1.2", "remove 0.0-0.5", "append 1.2-1.4", "append 1.4-1.6"]);
    expect(source.buffer!.ranges).toEqual([[1, 1.6]]);
  });

  it("places a turn, enters it by a seek, plays, and shows it when it is painted", () => {
    const { source, talk, talkElement, push, marks, of } = setup();
    push(1, 0);
    expect(source.buffer!.log).toEqual(["append 1.0-1.2", "remove 0.0-0.5"]);
    expect(talk.seeks).toEqual([1.002]);
    expect(talk.plays).toBe(1);
    expect(opacity(talkElement)).toBeLessThan(0.01);
    talk.paint(0.3); /* what was there before does not count */
    expect(opacity(talkElement)).toBeLessThan(0.01);
    talk.paint();
    expect(opacity(talkElement)).toBe(1);
    expect(marks()).toEqual(["chunk", "shown"]);
    expect(of("playing")).toEqual([{ turn: 1, playing: true }]);
  });

  it("appends what comes on top of each other in order, one at a time, with one seek", () => {
    const { player, source, talk } = setup();
    for (let i = 0; i < 4; i++) player.push({ meta: meta(1, i), bytes: fragment(i * 200, i * 200 + 200) });
    source.buffer!.work();
    expect(source.buffer!.log.filter((l) => l.startsWith("append"))).toEqual([
      "append 1.0-1.2", "append 1.2-1.4", "append 1.4-1.6", "append 1.6-1.8",
    ]);
    expect(talk.seeks).toEqual([1.002]);
  });

  it("waits for the media source to open", () => {
    const root = document.createElement("div");
    const player = new AvatarPlayer(root);
    const source = FakeMediaSource.last;
    player.push({ meta: meta(1, 0), bytes: fragment(0, 200) });
    expect(source.buffer).toBeNull();
    source.open();
    source.buffer!.work();
    expect(source.buffer!.log[0]).toBe("append 1.0-1.2");
  });

  it("puts the next turn behind the last and frees the last", () => {
    const { source, talk, player, push, tick } = setup();
    push(1, 0);
    talk.paint();
    talk.time = 1.19;
    player.complete(1);
    tick();
    push(2, 0);
    expect(source.buffer!.timestampOffset).toBe(3);
    expect(source.buffer!.ranges).toEqual([[3, 3.2]]);
    expect(talk.seeks.at(-1)).toBe(3.002);
  });

  it("seeks to the new sentence after a dry spell", () => {
    const { talk, push, tick, marks } = setup();
    push(1, 0);
    talk.paint();
    talk.time = 1.195;
    tick();
    expect(marks()).toContain("dry");
    push(1, 1, { seq: 1, first: true });
    expect(talk.seeks).toEqual([1.002, 1.202]);
    expect(talk.plays).toBe(2);
  });

  it("does not seek while there is something to play", () => {
    const { talk, push } = setup();
    push(1, 0);
    talk.time = 1.1;
    push(1, 1);
    expect(talk.seeks).toEqual([1.002]);
  });

  it("loses nothing where the browser stopped short of the buffer's end", () => {
    const { talk, talkElement, push } = setup();
    push(1, 0);
    talk.time = 1.1;
    talkElement.dispatchEvent(new Event("waiting"));
    push(1, 1);
    expect(talk.seeks).toEqual([1.002, 1.102]);
  });

  it("frees old media when the browser's buffer is full, and appends then", () => {
    const { source, talk, push, player } = setup();
    push(1, 0, { duration_ms: 5000 });
    source.buffer!.quota = 5.1;
    talk.time = 5;
    player.push({ meta: meta(1, 1, { start_ms: 5000 }), bytes: fragment(5000, 5200) });
    source.buffer!.work();
    expect(source.buffer!.log.slice(-3)).toEqual(["full", "remove 0.0-4.0", "append 6.0-6.2"]);
  });

  it("holds the last picture for a moment, then idles", () => {
    const { talk, idle, talkElement, push, tick } = setup();
    idle.duration = 4;
    push(1, 0);
    talk.paint();
    talk.time = 1.195;
    tick(250);
    expect(opacity(talkElement)).toBe(1);
    tick(600);
    expect(opacity(talkElement)).toBeLessThan(0.01);
    push(1, 1, { seq: 1, first: true });
    talk.paint();
    expect(opacity(talkElement)).toBe(1);
  });

  it("ends when all has been played: idle goes on in the pose of the last frame", () => {
    const { player, talk, idle, talkElement, push, tick, marks, of } = setup();
    idle.duration = 4;
    push(1, 0, { idle_ms: 4150 });
    talk.paint();
    player.complete(1);
    talk.time = 1.1;
    tick();
    expect(marks()).not.toContain("end");
    expect(idle.seeks.at(-1)).toBeCloseTo(0.15, 2);
    talk.time = 1.19;
    tick();
    expect(marks()).toContain("end");
    expect(opacity(talkElement)).toBeLessThan(0.01);
    expect(talk.paused).toBe(true);
    expect(of("playback").at(-1)).toEqual({ turn: 1, heardMs: 200 });
    expect(of("playing").at(-1)).toEqual({ turn: 1, playing: false });
  });

  it("helps on a picture that stands", () => {
    const { talk, push, tick, marks } = setup();
    push(1, 0, { duration_ms: 5000 });
    talk.paint();
    talk.time = 1.5;
    for (let i = 0; i < 6; i++) tick();
    expect(marks()).toContain("nudge");
    expect(talk.seeks.at(-1)).toBeCloseTo(1.502, 2);
  });

  it("starts over when the media source breaks", () => {
    const { source, talkElement, push, of, player } = setup();
    push(1, 0);
    talkElement.dispatchEvent(new Event("error"));
    expect(of("error")).toHaveLength(1);
    const fresh = FakeMediaSource.last;
    expect(fresh).not.toBe(source);
    fresh.open();
    player.push({ meta: meta(2, 0), bytes: fragment(0, 200) });
    fresh.buffer!.work();
    expect(fresh.buffer!.log[0]).toMatch(/^append/);
  });

  it("takes another codec", () => {
    const { source, push } = setup();
    push(1, 0);
    push(2, 0, { codecs: "avc1.64001E, mp4a.40.2" });
    expect(source.buffer!.log).toContain('type video/mp4; codecs="avc1.64001E, mp4a.40.2"');
  });
});

describe("stopping", () => {
  it("stops at once, in the middle of an append, and drops the rest of the turn", () => {
    const { player, source, talk, talkElement, push, marks } = setup();
    push(1, 0);
    talk.paint();
    player.push({ meta: meta(1, 1), bytes: fragment(200, 400) }); /* under way */
    player.stop();
    expect(talk.paused).toBe(true);
    expect(source.buffer!.log.at(-1)).toBe("abort");
    expect(opacity(talkElement)).toBeLessThan(0.01);
    push(1, 2);
    expect(marks()).toEqual(["chunk", "shown", "stopped"]);
    expect(source.buffer!.log.at(-1)).toBe("abort");
    push(2, 0);
    expect(source.buffer!.log.some((l) => l.startsWith("append 3.0"))).toBe(true);
  });

  it("drops turns up to the one that was stopped, also before any of it came", () => {
    const { player, push, marks, source } = setup();
    player.stop(4);
    push(3, 0);
    push(4, 0);
    expect(marks()).toEqual([]);
    expect(source.buffer!.log).toEqual([]);
    push(5, 0);
    expect(marks()).toEqual(["chunk"]);
  });

  it("lets a removal under way finish", () => {
    const { player, source, talk } = setup();
    player.push({ meta: meta(1, 0), bytes: fragment(0, 200) });
    source.buffer!.work(1); /* the append; the removal runs */
    player.stop();
    source.buffer!.work();
    expect(source.buffer!.log).not.toContain("abort");
    player.push({ meta: meta(2, 0), bytes: fragment(0, 200) });
    source.buffer!.work();
    expect(talk.seeks.at(-1)).toBe(3.002);
  });

  it("counts anew after a new connection", () => {
    const { player, push, marks } = setup();
    push(7, 0);
    player.reset();
    push(1, 0);
    expect(marks()).toEqual(["chunk", "stopped", "chunk"]);
  });

  it("plays out what came over a lost connection, also when the new one is there first; equal numbers are another turn", () => {
    const { player, push, marks, of } = setup();
    push(1, 0);
    player.disconnected();
    player.reset();
    expect(marks()).toEqual(["chunk"]);
    push(1, 0);
    expect(marks()).toEqual(["chunk", "stopped", "chunk"]);
    expect(of("playback"), "a server that does not know the turn is not told of it").toEqual([]);
  });

  it("stops the rest of a lost connection without refusing the next turn of that number", () => {
    const { player, push, marks } = setup();
    push(1, 0);
    player.reset();
    player.stop();
    push(1, 0);
    expect(marks()).toEqual(["chunk", "stopped", "chunk"]);
  });
});

describe("sound and reports", () => {
  it("talks on without sound when the browser refuses it, and gives it back on a gesture", async () => {
    const { player, talk, talkElement, push, of } = setup();
    talk.refuse = "NotAllowedError";
    push(1, 0);
    await vi.advanceTimersByTimeAsync(0);
    expect(of("blocked")).toEqual([true]);
    expect(talkElement.muted).toBe(true);
    expect(talk.paused).toBe(false);
    player.unlock();
    expect(of("blocked")).toEqual([true, false]);
    expect(talkElement.muted).toBe(false);
  });

  it("keeps volume and mute over a change of delivery", () => {
    const { player, root } = setup();
    player.setVolume(0.4, true);
    player.setDelivery("clip");
    const video = root.querySelector<HTMLVideoElement>("[data-avatar=talk] video")!;
    expect(video.volume).toBeCloseTo(0.4);
    expect(video.muted).toBe(true);
  });

  it("reports what was heard now and then, and lights up words", () => {
    const { player, talk, push, tick, of } = setup();
    const words = [{ t: 0, d: 300, s: 0, n: 3 }, { t: 300, d: 300, s: 4, n: 3 }];
    const sentence: Sentence = { turn: 1, seq: 0, text: "one two", start_ms: 0, duration_ms: 1000, words };
    player.sentence(sentence);
    push(1, 0, { duration_ms: 1000 });
    talk.paint();
    talk.time = 1.1;
    tick();
    talk.time = 1.7;
    tick();
    expect(of("subtitle").map((s) => (s as { word: number }).word)).toEqual([0, 1]);
    expect(of("playback")).toEqual([{ turn: 1, heardMs: expect.closeTo(700, 0) }]);
  });

  it("takes words that come while the sentence is spoken, though the next one is known already", () => {
    const { player, talk, push, tick, of } = setup();
    const word = (t: number, s: number) => ({ t, d: 300, s, n: 3 });
    const first: Sentence = { turn: 1, seq: 0, text: "one two", start_ms: 0, duration_ms: 1000, words: [word(0, 0)] };
    player.sentence(first);
    push(1, 0, { duration_ms: 2000 });
    player.sentence({ turn: 1, seq: 1, text: "six ten", start_ms: 1000, duration_ms: 1000, words: [word(0, 0)] });
    player.sentence({ ...first, words: [word(0, 0), word(300, 4)] });
    talk.paint();
    for (const time of [1.1, 1.5, 2.1]) {
      talk.time = time;
      tick();
    }
    expect(of("subtitle").map((s) => s as { text: string; word: number }).map(({ text, word }) => [text, word])).toEqual([
      ["one two", 0],
      ["one two", 1],
      ["six ten", 0],
    ]);
  });

  it("tells the idle phase for the next question", () => {
    const { player, idle, talk, push } = setup();
    idle.duration = 4;
    idle.time = 2.5;
    expect(player.idleMs()).toBe(2500);
    push(1, 0, { idle_ms: 3200 });
    talk.paint();
    talk.time = 1.05;
    expect(player.idleMs()).toBeCloseTo(3050, 0);
  });
});

describe("idle clip", () => {
  it("is the last one asked for, and a failure is told and can be tried again", async () => {
    const { player, idleElement, of } = setup();
    const waiting = new Map<string, (r: unknown) => void>();
    vi.stubGlobal("fetch", (url: string) => new Promise((done) => waiting.set(url, done)));
    const ok = { ok: true, blob: async () => new Blob() };
    const first = player.setIdle("/a");
    const second = player.setIdle("/b");
    waiting.get("/b")!(ok);
    waiting.get("/a")!(ok);
    await Promise.all([first, second]);
    expect(idleElement.dataset.source).toBe("/b");
    expect(player.hasIdle).toBe(true);
    const third = player.setIdle("/c");
    waiting.get("/c")!({ ok: false, status: 503 });
    await third;
    expect(of("error")).toEqual([{ message: "/c: HTTP 503" }]);
    expect([player.hasIdle, idleElement.dataset.source]).toEqual([false, "/b"]);
  });
});

describe("clip", () => {
  it("plays a queue of clips, each loaded ahead into the other element", () => {
    const { videos, talk, spare, push, player, tick, marks, of } = setup("clip");
    push(1, 0, { duration_ms: 1000 });
    push(1, 1, { start_ms: 1000, duration_ms: 500, seq: 1 });
    /* the first clip plays in the second element, the next one waits in the first */
    expect(spare.plays).toBe(1);
    spare.paint();
    expect(marks()).toEqual(["chunk", "shown"]);
    expect(videos[1].src).not.toBe("");
    expect(talk.plays).toBe(0);
    spare.time = 1;
    videos[2].dispatchEvent(new Event("ended"));
    expect(talk.plays).toBe(1);
    talk.paint();
    player.complete(1);
    videos[1].dispatchEvent(new Event("ended"));
    tick();
    expect(marks().at(-1)).toBe("end");
    expect(of("playback").at(-1)).toEqual({ turn: 1, heardMs: 1500 });
  });

  it("forgets the queue when it is stopped", () => {
    const { videos, spare, talk, push, player } = setup("clip");
    push(1, 0);
    push(1, 1);
    player.stop();
    expect(spare.paused).toBe(true);
    videos[2].dispatchEvent(new Event("ended"));
    expect(talk.plays).toBe(0);
  });

  it("is what a browser without Media Source Extensions gets", () => {
    vi.stubGlobal("MediaSource", undefined);
    const player = new AvatarPlayer(document.createElement("div"), { delivery: "stream" });
    expect(player.usable("stream")).toBe("clip");
  });
});

describe("connectPlayer", () => {
  it("joins both ways and parts again", () => {
    const listeners = new Map<string, (e: never) => void>();
    const heard: unknown[] = [];
    const client = {
      on: (name: string, f: (e: never) => void) => (listeners.set(name, f), () => listeners.delete(name)),
      playback: (...args: unknown[]) => heard.push(args),
    } as unknown as AvatarClient;
    const { player, talk, tick, source, marks } = setup();
    const part = connectPlayer(client, player);
    const say = (name: string, data: unknown) => listeners.get(name)!(data as never);
    say("chunk", { meta: meta(1, 0), bytes: fragment(0, 200) });
    source.buffer!.work();
    talk.paint();
    say("turn_done", { turn: 1 });
    talk.time = 1.199;
    tick();
    expect(heard).toEqual([[1, 200, expect.closeTo(1)]]);
    say("chunk", { meta: meta(2, 0), bytes: fragment(0, 200) });
    say("interrupted", { turn: 2 });
    say("interrupted", { turn: null });
    expect(marks().slice(-2)).toEqual(["chunk", "stopped"]);
    part();
    expect(listeners.size).toBe(0);
  });
});
