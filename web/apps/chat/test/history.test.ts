/** Kept conversations: this browser's name, the list, what is done with it, and how the page goes on with one. */
import { createPinia, setActivePinia } from "pinia";
import { nextTick } from "vue";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FakeSocket } from "../../../packages/client/test/fakes";
import { dayOf, fileName, groupByDay, matches, relativeTime } from "../src/lib/conversations";
import { CLIENT_KEY, clientName, CONVERSATION_KEY } from "../src/lib/identity";
import { useConversation } from "../src/stores/conversation";
import { useHistory } from "../src/stores/history";

const NOW = new Date(2026, 4, 20, 10, 0).getTime();
const HOUR = 3_600_000;
const [A, B, GONE] = ["a", "b", "d"].map((c) => c.repeat(32));

beforeEach(() => {
  localStorage.clear();
  sessionStorage.clear();
  setActivePinia(createPinia());
  FakeSocket.all = [];
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

describe("this browser's name", () => {
  it("is made once and kept", () => {
    const name = clientName();
    expect(name).toMatch(/^[0-9a-f]{40}$/);
    expect([clientName(), localStorage.getItem(CLIENT_KEY)]).toEqual([name, name]);
  });

  it("is made anew where what is stored is none", () => {
    localStorage.setItem(CLIENT_KEY, "short or <b>bad</b>");
    expect(clientName()).toMatch(/^[0-9a-f]{40}$/);
  });

  it("lasts as long as the page where the browser stores nothing", () => {
    vi.stubGlobal("localStorage", { getItem: refuse, setItem: refuse, removeItem: refuse });
    function refuse(): never {
      throw new DOMException("blocked", "SecurityError");
    }
    const name = clientName();
    expect(name).toMatch(/^[0-9a-f]{40}$/);
    expect(clientName()).toBe(name);
  });
});

describe("the list", () => {
  const entry = (id: string, updated_ms: number) => ({ id, title: id, created_ms: 0, updated_ms, turns: 1 });

  it.each([
    ["now", NOW, "today"],
    ["after midnight", new Date(2026, 4, 20, 0, 1).getTime(), "today"],
    ["by a clock that is ahead", NOW + 5 * HOUR, "today"],
    ["before midnight", new Date(2026, 4, 19, 23, 59).getTime(), "yesterday"],
    ["a day before", new Date(2026, 4, 18, 23, 59).getTime(), "earlier"],
  ] as const)("dates what is from %s", (_name, ms, wanted) => expect(dayOf(ms, NOW)).toBe(wanted));

  it("is grouped by day, the latest first, without empty groups", () => {
    const list = [entry("a", NOW - 60 * HOUR), entry("b", NOW - HOUR), entry("c", NOW)];
    expect(groupByDay(list, NOW).map((g) => [g.day, g.list.map((c) => c.id)])).toEqual([["today", ["c", "b"]], ["earlier", ["a"]]]);
  });

  it.each([
    [0, "en", "now"],
    [5 * 60_000, "en", "5 minutes ago"],
    [3 * HOUR, "en", "3 hours ago"],
    [3 * HOUR, "zh-CN", "3小时前"],
    [12 * HOUR, "en", "yesterday"],
    [3 * 24 * HOUR, "en", "3 days ago"],
    [30 * 24 * HOUR, "en", "Apr 20"],
    [400 * 24 * HOUR, "en", "Apr 15, 2025"],
  ])("%d ms ago in %s: %s", (ago, language, wanted) => expect(relativeTime(NOW - ago, NOW, language)).toBe(wanted));

  it.each([["", true], ["tea", true], ["MAKE tea", true], ["coffee", false]])("is searched for %j: %s", (search, wanted) => expect(matches("How to make Tea", search)).toBe(wanted));

  it.each([
    ["How to make tea?", "markdown", "How to make tea.md"],
    ["../a\\b:c*", "json", "a b c.json"],
    ["  ", "json", "conversation.json"],
    ["茶怎么泡？", "markdown", "茶怎么泡？.md"],
  ] as const)("saves %j as %s: %s", (title, format, wanted) => expect(fileName(title, format)).toBe(wanted));
});

/** A server with two conversations; what was asked of it, as `METHOD path`. */
function serve({ fails = "" } = {}) {
  let list = [
    { id: A, title: "Tea", created_ms: 1, updated_ms: 2, turns: 1 },
    { id: B, title: "Coffee", created_ms: 1, updated_ms: 1, turns: 2 },
  ];
  const asked: string[] = [];
  const state = { fails, asked, bodies: [] as unknown[] };
  vi.stubGlobal("fetch", async (path: string, init: RequestInit = {}) => {
    const method = init.method ?? "GET";
    asked.push(`${method} ${path}`);
    expect(new Headers(init.headers).get("X-Client-Id")).toBe(clientName());
    if (init.body) state.bodies.push(JSON.parse(String(init.body)));
    if (state.fails === method) return new Response(JSON.stringify({ detail: "the disk is full" }), { status: 500 });
    if (method === "DELETE") list = path.endsWith("/conversations") ? [] : list.filter((c) => !path.endsWith(`/${c.id}`));
    return method === "GET" ? new Response(JSON.stringify(list)) : new Response(null, { status: 204 });
  });
  return state;
}

describe("the store of the list", () => {
  it("loads, and tells why when it cannot, until it can", async () => {
    const server = serve({ fails: "GET" });
    const history = useHistory();
    await history.load();
    expect([history.error, history.loaded, history.loading]).toEqual(["the disk is full", false, false]);
    server.fails = "";
    await history.load();
    expect([history.error, history.found.map((c) => c.id)]).toEqual(["", [A, B]]);
    history.search = "cof";
    expect(history.found.map((c) => c.id)).toEqual([B]);
  });

  it("renames at once, and takes it back when the server refuses", async () => {
    const server = serve();
    const history = useHistory();
    await history.load();
    const done = history.rename(A, "  Green tea ");
    expect(history.list[0].title).toBe("Green tea");
    await done;
    expect([server.asked.at(-1), server.bodies]).toEqual([`PATCH /api/conversations/${A}`, [{ title: "Green tea" }]]);
    await history.rename(A, "Green tea");
    await history.rename(A, " ");
    expect(server.bodies).toHaveLength(1);
    await history.rename(A, "x".repeat(300));
    expect((server.bodies[1] as { title: string }).title).toHaveLength(120);
    server.fails = "PATCH";
    await history.rename(A, "No");
    await vi.waitFor(() => expect(history.list[0].title).toBe("Tea"));
    expect(history.trouble).toBe("the disk is full");
  });

  it("deletes one, then all; the page leaves what is gone", async () => {
    const server = serve();
    const history = useHistory();
    const { c, socket } = start(B);
    socket.server("conversation", { id: B, title: "Coffee", messages: [{ role: "user", text: "q", turn: 1, at_ms: 1 }] });
    await history.load();
    await history.remove(A);
    expect([history.list.map((e) => e.id), c.id]).toEqual([[B], B]);
    server.fails = "DELETE";
    await history.remove(B);
    expect([history.trouble, c.id, c.messages.length]).toEqual(["the disk is full", B, 1]);
    server.fails = "";
    await history.removeAll();
    expect([history.list, c.id, c.messages]).toEqual([[], "", []]);
    expect(socket.sent.at(-1)!.data).toMatchObject({ conversation: "new" });
  });

  it("saves a file with what the server gives", async () => {
    const server = serve();
    vi.stubGlobal("URL", Object.assign(URL, { createObjectURL: () => "blob:x", revokeObjectURL: () => undefined }));
    const clicked = vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(function (this: HTMLAnchorElement) {
      server.asked.push(`saved ${this.download}`);
    });
    const history = useHistory();
    await history.load();
    await history.save(history.list[0], "json");
    expect(server.asked.slice(1)).toEqual([`GET /api/conversations/${A}/export?format=json`, "saved Tea.json"]);
    expect(clicked).toHaveBeenCalledOnce();
  });
});

function start(kept = "") {
  if (kept) sessionStorage.setItem(CONVERSATION_KEY, kept);
  const c = useConversation();
  c.start({ url: "ws://h/ws", prefs: { language: "en" }, WebSocket: FakeSocket as unknown as typeof WebSocket });
  FakeSocket.last.accept();
  FakeSocket.last.server("session_ready", { avatar: "a" });
  return { c, socket: FakeSocket.last, list: () => c.messages.map((m) => [m.role, m.state, m.text]) };
}
const PAST = {
  id: A,
  title: "Tea",
  messages: [
    { role: "user", text: "How?", turn: 1, at_ms: 5 },
    { role: "assistant", text: "First boil", turn: 1, at_ms: 6, interrupted: true },
  ],
};
const SHOWN = [["user", "done", "How?"], ["assistant", "stopped", "First boil"]];

describe("the conversation", () => {
  it("gets its name with the first question, and keeps it for a reload", async () => {
    const { c, socket, list } = start();
    expect(socket.sent[0]).toEqual({ type: "hello", data: { language: "en", client: clientName() } });
    c.ask("How?");
    socket.server("conversation", { id: "n", title: "How?", messages: [] });
    await nextTick();
    expect([c.id, c.title, sessionStorage.getItem(CONVERSATION_KEY)]).toEqual(["n", "How?", "n"]);
    expect(list()).toEqual([["user", "done", "How?"], ["assistant", "waiting", ""]]);
  });

  it("goes on after a reload: what was said is there, and what is asked meanwhile behind it", () => {
    const { c, socket, list } = start(A);
    expect(socket.sent[0].data).toMatchObject({ conversation: A });
    expect(c.opening).toBe(A);
    c.ask("And then?");
    socket.server("conversation", PAST);
    expect(list()).toEqual([...SHOWN, ["user", "done", "And then?"], ["assistant", "waiting", ""]]);
    socket.server("text_chunk", { turn: 1, chunk: "Pour." });
    expect(list().at(-1)).toEqual(["assistant", "streaming", "Pour."]);
    expect(c.opening).toBe("");
  });

  it("is still the page's own after a reconnect", () => {
    const { c, socket, list } = start(A);
    socket.server("conversation", PAST);
    c.ask("x");
    socket.drop();
    c.client!.retryNow();
    FakeSocket.last.accept();
    expect(FakeSocket.last.sent[0].data).toMatchObject({ conversation: A });
    FakeSocket.last.server("session_ready", {});
    FakeSocket.last.server("conversation", PAST);
    expect(list()).toEqual([...SHOWN, ["user", "done", "x"], ["assistant", "failed", ""]]);
  });

  it("makes room for another: the running answer is stopped, nothing of it comes", () => {
    const { c, socket, list } = start();
    c.ask("one");
    socket.server("state", { state: "thinking", turn: 1 });
    c.reopen(A);
    expect(socket.sent.slice(-2).map((m) => m.type)).toEqual(["interrupt", "hello"]);
    expect(socket.sent.at(-1)!.data).toEqual({ language: "en", client: clientName(), conversation: A });
    socket.server("text_chunk", { turn: 1, chunk: "late" });
    socket.server("interrupted", { turn: 1 });
    socket.server("session_ready", {});
    socket.server("conversation", PAST);
    c.ask("two");
    socket.server("turn_done", { turn: 1, marks: {} });
    expect(list()).toEqual([...SHOWN, ["user", "done", "two"], ["assistant", "waiting", ""]]);
  });

  it("begins anew when told to, also while another is on its way", () => {
    const { c, socket } = start(A);
    c.begin();
    expect(socket.sent.at(-1)!.data).toMatchObject({ conversation: "new" });
    socket.server("conversation", PAST);
    expect([c.id, c.messages]).toEqual(["", []]);
    c.ask("x");
    socket.server("conversation", { id: "n", title: "x", messages: [] });
    expect(c.id).toBe("n");
  });

  it("that cannot be read is told in the server's words", () => {
    const { c, socket } = start(A);
    socket.server("error", { code: "queue_full", message: "too much sound", retryable: true });
    expect(c.opening).toBe(A);
    socket.server("error", { code: "timed_out", message: "the disk is slow", retryable: true });
    expect([c.opening, c.id, c.notices.map((n) => n.text)]).toEqual(["", "", ["too much sound", "the disk is slow"]]);
  });

  it("is not asked for by what cannot be an id", () => {
    const { socket } = start("../x");
    expect(socket.sent[0].data).not.toHaveProperty("conversation");
  });

  it("that is not there any more is told, and another begins", async () => {
    const { c, socket } = start(GONE);
    socket.server("error", { code: "not_found", message: "no such conversation", retryable: false });
    await nextTick();
    expect([c.id, c.opening, c.notices.map((n) => n.key), sessionStorage.getItem(CONVERSATION_KEY)]).toEqual(["", "", ["notice.conversationGone"], null]);
    socket.server("error", { code: "not_found", message: "no such voice", retryable: false });
    expect(c.notices.at(-1)!.text).toBe("no such voice");
  });
});
