/** The stores: conversation, settings, catalogue. */
import { createPinia, setActivePinia } from "pinia";
import { nextTick } from "vue";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { FakeSocket } from "../../../packages/client/test/fakes";
import { personName } from "../src/lib/person";
import { languageName, sampleOf, voiceGroups } from "../src/lib/voices";
import { useCatalog } from "../src/stores/catalog";
import { useConversation } from "../src/stores/conversation";
import { DEFAULTS, readSettings, STORAGE_KEY, useSettings } from "../src/stores/settings";

beforeEach(() => {
  localStorage.clear();
  setActivePinia(createPinia());
  FakeSocket.all = [];
});

describe("settings", () => {
  it.each([
    ["nothing", null, {}],
    ["no JSON", "{", {}],
    ["null", "null", {}],
    ["good values", '{"theme":"dark","rate":1.5,"voice":"rms","subtitles":false}', { theme: "dark", rate: 1.5, voice: "rms", subtitles: false }],
    ["wrong types", '{"theme":1,"rate":"fast","subtitles":"no"}', {}],
    ["out of range", '{"rate":9,"pitch":0,"volume":-1,"theme":"pink","delivery":"fax"}', {}],
    ["unknown keys", '{"colour":"red"}', {}],
  ])("reads %s", (_name, json, wanted) => expect(readSettings(json)).toEqual({ ...DEFAULTS, ...wanted }));

  it("persists each change and comes back with it", async () => {
    const settings = useSettings();
    settings.values.theme = "dark";
    settings.values.voice = "slt";
    await nextTick();
    expect(JSON.parse(localStorage.getItem(STORAGE_KEY)!)).toMatchObject({ theme: "dark", voice: "slt" });
    setActivePinia(createPinia());
    expect(useSettings().dark).toBe(true);
    expect(useSettings().prefs).toMatchObject({ voice: "slt", language: "auto", rate: 1 });
    useSettings().reset();
    expect(useSettings().values).toEqual(DEFAULTS);
  });
});

describe("catalog", () => {
  const answer = (body: unknown, ok = true, status = 200) => ({ ok, status, json: async () => body });

  it("loads, and tells what the server said when it cannot", async () => {
    const catalog = useCatalog();
    vi.stubGlobal("fetch", async (path: string) => answer(path.includes("avatars") ? [{ id: "a" }] : [{ id: "v" }]));
    await catalog.load();
    expect([catalog.avatars, catalog.voices, catalog.error]).toEqual([[{ id: "a" }], [{ id: "v" }], ""]);
    vi.stubGlobal("fetch", async () => answer({ title: "Busy", detail: "try later" }, false, 503));
    await catalog.load();
    expect(catalog.error).toBe("try later");
    await catalog.loadTopics("en");
    expect(catalog.topics).toEqual([]);
    vi.unstubAllGlobals();
  });
});

describe("conversation", () => {
  function start() {
    const c = useConversation();
    c.start({ url: "ws://h/ws", WebSocket: FakeSocket as unknown as typeof WebSocket });
    FakeSocket.last.accept();
    FakeSocket.last.server("session_ready", { avatar: "a" });
    return { c, socket: FakeSocket.last };
  }
  const answers = (c: ReturnType<typeof useConversation>) => c.messages.filter((m) => m.role === "assistant").map((m) => [m.turn, m.state, m.text]);

  it("streams an answer", () => {
    const { c, socket } = start();
    expect(c.ask("  hello ")).toBe(true);
    expect(socket.sent.at(-1)).toEqual({ type: "text", data: { text: "hello" } });
    expect(c.busy).toBe(true);
    socket.server("state", { state: "thinking", turn: 5 });
    expect(c.shownState).toBe("thinking");
    socket.server("text_chunk", { turn: 5, chunk: "Hi " });
    socket.server("text_chunk", { turn: 5, chunk: "there" });
    expect(answers(c)).toEqual([[5, "streaming", "Hi there"]]);
    socket.server("text_done", { turn: 5, text: "Hi there." });
    socket.server("turn_done", { turn: 5, marks: { first_token: 3 } });
    socket.server("state", { state: "idle", turn: 5 });
    expect(answers(c)).toEqual([[5, "done", "Hi there."]]);
    expect(c.messages.at(-1)!.marks).toEqual({ first_token: 3 });
    expect([c.busy, c.announced]).toEqual([false, "Hi there."]);
  });

  it("does not send blanks, nor without a connection", () => {
    const { c, socket } = start();
    expect(c.ask(" \n ")).toBe(false);
    socket.drop();
    expect(c.ask("hello")).toBe(false);
    expect(c.messages).toEqual([]);
    expect(c.notices.map((n) => n.key)).toEqual(["notice.notConnected"]);
  });

  it("marks an interrupted answer and takes no more of it", () => {
    const { c, socket } = start();
    c.ask("one");
    socket.server("state", { state: "thinking", turn: 1 });
    socket.server("text_chunk", { turn: 1, chunk: "I am" });
    c.stop();
    expect(socket.sent.at(-1)).toEqual({ type: "interrupt", data: {} });
    socket.server("interrupted", { turn: 1 });
    socket.server("text_chunk", { turn: 1, chunk: " late" });
    socket.server("state", { state: "idle", turn: 1 });
    expect(answers(c)).toEqual([[1, "stopped", "I am"]]);
    expect(c.busy).toBe(false);
  });

  it("gives each of two quick questions its own answer", () => {
    const { c, socket } = start();
    c.ask("one");
    c.ask("two");
    socket.server("state", { state: "thinking", turn: 1 });
    socket.server("interrupted", { turn: 1 });
    socket.server("state", { state: "thinking", turn: 2 });
    socket.server("text_chunk", { turn: 2, chunk: "B" });
    expect(answers(c)).toEqual([[1, "stopped", ""], [2, "streaming", "B"]]);
  });

  it("shows an error at the question it refuses, without a way to try again where that is no use", () => {
    const { c, socket } = start();
    c.ask("x");
    socket.server("error", { code: "limit_exceeded", message: "text_chars: at most 4000", retryable: false });
    expect(answers(c)).toEqual([[null, "failed", ""]]);
    expect([c.messages[1].faults, c.notices, c.canRetry(c.messages[1])]).toEqual([[{ text: "text_chars: at most 4000", retryable: false }], [], false]);
  });

  it("shows a turn's errors at its answer, each once, and asks again in its place", () => {
    const { c, socket } = start();
    c.ask("one");
    socket.server("state", { state: "thinking", turn: 1 });
    for (const message of ["busy", "slow", "busy"]) socket.server("error", { code: "x", message, retryable: true, turn: 1 });
    expect(c.canRetry(c.messages[1])).toBe(false);
    socket.server("turn_done", { turn: 1, marks: {} });
    socket.server("state", { state: "idle", turn: 1 });
    expect(answers(c)).toEqual([[1, "failed", ""]]);
    expect([c.messages[1].faults!.map((f) => f.text), c.canRetry(c.messages[1])]).toEqual([["slow", "busy"], true]);
    c.retry(c.messages[1]);
    expect(socket.sent.at(-1)).toEqual({ type: "text", data: { text: "one" } });
    expect(c.messages.map((m) => [m.role, m.state, m.text])).toEqual([["user", "done", "one"], ["assistant", "waiting", ""]]);
    socket.server("text_chunk", { turn: 2, chunk: "A" });
    expect(answers(c)).toEqual([[2, "streaming", "A"]]);
  });

  it("keeps what failed where the conversation has gone on", () => {
    const { c, socket } = start();
    c.ask("one");
    socket.server("state", { state: "thinking", turn: 1 });
    socket.server("turn_done", { turn: 1, marks: {} });
    c.ask("two");
    socket.server("text_done", { turn: 2, text: "B" });
    c.retry(c.messages[1]);
    expect(c.messages.map((m) => m.text)).toEqual(["one", "", "two", "B", "one", ""]);
  });

  it("says so when a turn ends without a text", () => {
    const { c, socket } = start();
    c.ask("one");
    socket.server("text_done", { turn: 1, text: "" });
    socket.server("turn_done", { turn: 1, marks: {} });
    expect(answers(c)).toEqual([[1, "failed", ""]]);
  });

  it("tells of errors of no turn, few at a time, none twice", () => {
    const { c, socket } = start();
    for (const message of ["a", "b", "a", "c", "d"]) socket.server("error", { code: "x", message, retryable: true });
    expect(c.notices.map((n) => n.text)).toEqual(["a", "c", "d"]);
    c.dismiss(c.notices[0].id);
    expect(c.notices.map((n) => n.text)).toEqual(["c", "d"]);
  });

  it("says many choices at once, and before the next question", () => {
    vi.useFakeTimers();
    const { c, socket } = start();
    for (const rate of [1.1, 1.2, 1.3]) c.configure({ rate });
    expect(socket.sent).toHaveLength(1);
    vi.advanceTimersByTime(500);
    expect(socket.sent.slice(1)).toEqual([{ type: "config", data: { rate: 1.3 } }]);
    c.configure({ pitch: 2 });
    c.ask("x");
    expect(socket.sent.slice(2).map((m) => m.type)).toEqual(["config", "text"]);
    vi.advanceTimersByTime(500);
    expect(socket.sent).toHaveLength(4);
    vi.useRealTimers();
  });

  it("ends what was under way when the connection is lost, and counts down to the next try", () => {
    const { c, socket } = start();
    c.ask("one");
    socket.server("state", { state: "thinking", turn: 1 });
    socket.server("text_chunk", { turn: 1, chunk: "I" });
    socket.drop();
    expect(answers(c)).toEqual([[null, "stopped", "I"]]);
    expect(c.connected).toBe(false);
    expect(c.retryAt).toBeGreaterThan(Date.now());
    expect(c.busy).toBe(false);
  });

  it("takes the turn of a new connection for another one, though its number was there before", async () => {
    const { c, socket } = start();
    c.ask("one");
    socket.server("text_chunk", { turn: 1, chunk: "A" });
    socket.drop();
    c.client!.retryNow();
    const next = FakeSocket.last;
    next.accept();
    next.server("session_ready");
    c.ask("two");
    next.server("text_chunk", { turn: 1, chunk: "B" });
    expect(answers(c)).toEqual([[null, "stopped", "A"], [1, "streaming", "B"]]);
  });
});

describe("a person's name", () => {
  it.each([
    ["Lin 林", "en", "Lin"],
    ["Lin 林", "zh-CN", "林"],
    ["Mary Ann 玛丽·安", "zh-CN", "玛丽·安"],
    ["David", "zh-CN", "David"],
    ["大卫", "en", "大卫"],
    ["Room 3 会议 B", "en", "Room 3 会议 B"],
    ["", "en", ""],
  ])("%s on a page in %s is %s", (name, language, shown) => expect(personName(name, language)).toBe(shown));
});

describe("voices", () => {
  const voice = (id: string, lang: string) => ({ id, name: id, lang, engine: "e" });
  const all = [voice("a", "de"), voice("b", "en-US"), voice("c", "zh-CN"), voice("d", "en-US")];

  it("come in groups, the page's language first", () => {
    expect(voiceGroups(all, "auto", "zh-CN").map((g) => g.voices.map((v) => v.id))).toEqual([["c"], ["b", "d"], ["a"]]);
  });
  it("are those of the chosen language", () => {
    expect(voiceGroups(all, "en", "en").map((g) => g.voices.map((v) => v.id))).toEqual([["b", "d"]]);
  });
  it.each([
    ["German", ["a"]],
    ["english d", ["d"]],
    ["zh", ["c"]],
    ["e", ["b", "d", "c", "a"]],
    ["nobody", []],
  ])("are found by %s", (search, wanted) => {
    expect(voiceGroups(all, "auto", "en", search).flatMap((g) => g.voices.map((v) => v.id))).toEqual(wanted);
  });
  it("say something in their own language, or figures", () => {
    expect([sampleOf("zh-CN"), sampleOf("cmn-latn-pinyin"), sampleOf("en_GB"), sampleOf("xx")].map((s) => s.slice(0, 2))).toEqual(["你好", "你好", "He", "1,"]);
  });
  it("have readable names, also for codes that nobody knows", () => {
    expect(languageName("de", "en")).toBe("German");
    expect(languageName("de", "zh-CN")).toBe("德语");
    expect(languageName("!!", "en")).toBe("!!");
  });
});
