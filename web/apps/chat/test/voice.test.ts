/** The microphone as the page uses it. */
import { createPinia, setActivePinia } from "pinia";
import { nextTick } from "vue";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { FakeSocket } from "../../../packages/client/test/fakes";
import { onSpaceHeld, takesSpace } from "../src/lib/hold";
import { languageNames, listensTo } from "../src/lib/listening";
import { useConversation } from "../src/stores/conversation";
import { readSettings, SENSITIVITY, useSettings } from "../src/stores/settings";
import { meterOf, useVoice } from "../src/stores/voice";

beforeEach(() => {
  localStorage.clear();
  setActivePinia(createPinia());
  FakeSocket.all = [];
});

function start(ready: object = {}) {
  const c = useConversation();
  c.start({ url: "ws://h/ws", WebSocket: FakeSocket as unknown as typeof WebSocket });
  FakeSocket.last.accept();
  FakeSocket.last.server("session_ready", { avatar: "a", ...ready });
  return { c, socket: FakeSocket.last, list: () => c.messages.map((m) => [m.role, m.state, m.text]) };
}

describe("what is spoken", () => {
  it("stands in the conversation from its first word on, and is answered", () => {
    const { c, socket, list } = start();
    socket.server("state", { state: "listening", turn: 0 });
    socket.server("vad", { speech: true, utterance: 1 });
    expect([list(), c.shownState, c.busy]).toEqual([[["user", "hearing", ""]], "listening", false]);
    socket.server("asr_partial", { utterance: 1, text: "what" });
    socket.server("asr_partial", { utterance: 1, text: "what can" });
    expect(list()).toEqual([["user", "hearing", "what can"]]);
    socket.server("vad", { speech: false, utterance: 1 });
    expect(c.hearing).toBe(0);
    socket.server("asr_result", { utterance: 1, text: "What can you do?" });
    socket.server("state", { state: "thinking", turn: 1 });
    socket.server("text_chunk", { turn: 1, chunk: "Much." });
    socket.server("turn_done", { turn: 1, marks: { endpoint: 500, asr_final: 520 } });
    expect(list()).toEqual([["user", "done", "What can you do?"], ["assistant", "done", "Much."]]);
  });

  it("is taken out again when it was nothing", () => {
    const { c, socket, list } = start();
    socket.server("vad", { speech: true, utterance: 3 });
    socket.server("asr_partial", { utterance: 3, text: "uh" });
    socket.server("vad", { speech: false, utterance: 3 });
    socket.server("asr_result", { utterance: 3, text: "" });
    expect([list(), c.notUnderstood]).toEqual([[], 3]);
  });

  it("interrupts: the answer is marked, the new one follows", () => {
    const { socket, list } = start();
    socket.server("vad", { speech: true, utterance: 1 });
    socket.server("asr_result", { utterance: 1, text: "one" });
    socket.server("state", { state: "thinking", turn: 1 });
    socket.server("text_done", { turn: 1, text: "A long" });
    socket.server("vad", { speech: true, utterance: 2 });
    socket.server("interrupted", { turn: 1, reason: "speech" });
    socket.server("asr_result", { utterance: 2, text: "two" });
    socket.server("state", { state: "thinking", turn: 2 });
    socket.server("text_chunk", { turn: 2, chunk: "B" });
    expect(list()).toEqual([["user", "done", "one"], ["assistant", "stopped", "A long"], ["user", "done", "two"], ["assistant", "streaming", "B"]]);
  });

  it("gets one answer when it was said in two parts", () => {
    const { socket, list } = start();
    socket.server("vad", { speech: true, utterance: 1 });
    socket.server("vad", { speech: true, utterance: 2 });
    socket.server("asr_result", { utterance: 1, text: "what" });
    socket.server("asr_result", { utterance: 2, text: "can you do" });
    socket.server("state", { state: "thinking", turn: 1 });
    socket.server("text_done", { turn: 1, text: "Much." });
    expect(list()).toEqual([["user", "done", "what"], ["user", "done", "can you do"], ["assistant", "done", "Much."]]);
  });

  it("does not take the answer of what was typed", () => {
    const { c, socket, list } = start();
    c.ask("typed");
    socket.server("vad", { speech: true, utterance: 1 });
    socket.server("state", { state: "thinking", turn: 1 });
    socket.server("text_chunk", { turn: 1, chunk: "A" });
    expect(list()).toEqual([["user", "done", "typed"], ["assistant", "streaming", "A"], ["user", "hearing", ""]]);
  });

  it("is forgotten with the connection", () => {
    const { c, socket, list } = start();
    socket.server("vad", { speech: true, utterance: 1 });
    socket.drop();
    expect([list(), c.hearing, c.shownState]).toEqual([[], 0, "idle"]);
  });
});

describe("the microphone", () => {
  const LISTEN = { available: true, loading: false, vad: "v", asr: "a", languages: ["en"], reason: "" };

  it.each([
    ["no word of it", {}, false],
    ["it listens", { listen: LISTEN }, true],
    ["it loads", { listen: { ...LISTEN, available: false, loading: true } }, true],
    ["it cannot", { listen: { ...LISTEN, available: false } }, false],
  ])("is there by what the server says: %s", (_name, ready, wanted) => {
    start(ready);
    expect(useVoice().available).toBe(wanted);
  });

  it("follows what the server finds out later", () => {
    const { socket } = start({ listen: { ...LISTEN, available: false, loading: true } });
    socket.server("listen", { ...LISTEN, available: false, reason: "no model" });
    expect([useVoice().available, useConversation().listening?.reason]).toEqual([false, "no model"]);
  });

  it("tells what is wrong, and nothing after it was dismissed", async () => {
    vi.stubGlobal("isSecureContext", false);
    start({ listen: LISTEN });
    const voice = useVoice();
    voice.start();
    expect(voice.status).toBe("opening");
    await vi.waitFor(() => expect(voice.status).toBe("off"));
    expect(voice.fault).toBe("insecure");
    voice.dismiss();
    expect(voice.fault).toBe("");
    vi.unstubAllGlobals();
  });

  it("stays off without a connection, in words", () => {
    const { c, socket } = start({ listen: LISTEN });
    socket.drop();
    useVoice().start();
    expect([useVoice().status, c.notices.map((n) => n.key)]).toEqual(["off", ["notice.notListening"]]);
  });

  it.each([[0, 1], [-30, 0.5], [-60, 0], [-100, 0], [3, 1]])("%i dB is %f of the meter", (db, wanted) => expect(meterOf(db)).toBeCloseTo(wanted));
});

describe("sensitivity", () => {
  it("is the server's own until it is moved, and taken back by a reset", async () => {
    const settings = useSettings();
    expect(settings.prefs).not.toHaveProperty("threshold");
    settings.values.sensitivity = 0.7;
    await nextTick();
    expect(settings.prefs.threshold).toBe(0.3);
    settings.reset();
    expect(settings.prefs.threshold).toBe(1 - SENSITIVITY);
  });

  it.each([["{}", 0], ['{"sensitivity":1}', 0], ['{"sensitivity":0.2}', 0.2]])("reads %s", (json, wanted) => expect(readSettings(json).sensitivity).toBe(wanted));
});

describe("the space bar", () => {
  it.each([
    ["<textarea></textarea>", true],
    ["<button><i></i></button>", true],
    ['<div contenteditable="true"><i></i></div>', true],
    ['<span role="slider"></span>', true],
    ['<div tabindex="0"></div>', false],
    ["<p></p>", false],
  ])("belongs to %s: %s", (html, wanted) => {
    document.body.innerHTML = html;
    expect(takesSpace(document.body.querySelector("i") ?? document.body.firstElementChild)).toBe(wanted);
  });

  it("is held once, however often the keyboard repeats it, and let go when the page loses the keyboard", () => {
    document.body.innerHTML = "<p></p>";
    const log: string[] = [];
    const end = onSpaceHeld(() => log.push("down"), () => log.push("up"));
    const key = (type: string, over = {}) => document.body.dispatchEvent(new KeyboardEvent(type, { code: "Space", bubbles: true, cancelable: true, ...over }));
    key("keydown");
    key("keydown", { repeat: true });
    key("keyup");
    key("keyup");
    key("keydown", { ctrlKey: true });
    key("keydown");
    window.dispatchEvent(new Event("blur"));
    key("keyup");
    expect(log).toEqual(["down", "up", "down", "up"]);
    key("keydown");
    end();
    key("keyup");
    key("keydown");
    expect(log).toEqual(["down", "up", "down", "up", "down", "up"]);
  });
});

describe("the languages it understands", () => {
  it.each([
    [[], "zh-CN", true],
    [["en"], "en-US", true],
    [["en-US"], "en", true],
    [["en"], "zh-CN", false],
    [["zh", "yue"], "zh-CN", true],
  ] as const)("%j, %s: %s", (languages, tag, wanted) => expect(listensTo(languages, tag)).toBe(wanted));

  it("have names, the first few of many", () => {
    expect(languageNames(["en", "zh"], "en")).toBe("English, Chinese");
    expect(languageNames(["en", "en", "de", "fr"], "en", 2)).toBe("English, German +1");
  });
});
