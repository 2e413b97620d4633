/** The stores: access, snapshot, sessions, log, configuration. */
import { createPinia, setActivePinia } from "pinia";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { change, get } from "../src/lib/api";
import { MAX_RATES } from "../src/lib/series";
import type { ConfigOption, LogLine, Snapshot } from "../src/lib/types";
import { isToken, TOKEN_KEY, useAccess } from "../src/stores/access";
import { asText, flawOf, useConfig } from "../src/stores/config";
import { MAX_LINES, useLogs } from "../src/stores/logs";
import { useMonitor } from "../src/stores/monitor";
import { useSessions } from "../src/stores/sessions";
import { STORAGE_KEY, useSettings } from "../src/stores/settings";

const TOKEN = "0123456789abcdef-token";
interface Call {
  path: string;
  init: RequestInit;
}
let calls: Call[];
/** Answers by path; what has no answer is not there. */
function server(answer: (path: string, init: RequestInit) => unknown): void {
  vi.stubGlobal("fetch", async (path: string, init: RequestInit = {}) => {
    calls.push({ path, init });
    const body = answer(path, init);
    if (body instanceof Response) return body;
    return body === undefined ? new Response('{"detail":"there is no such thing"}', { status: 404 }) : new Response(typeof body === "string" ? body : JSON.stringify(body));
  });
}
const problem = (status: number, body: object) => new Response(JSON.stringify(body), { status });

beforeEach(() => {
  localStorage.clear();
  sessionStorage.clear();
  setActivePinia(createPinia());
  calls = [];
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});
const settle = (ms = 0) => vi.advanceTimersByTimeAsync(ms);

describe("access", () => {
  it("keeps the token in this tab only and sends it in a header", async () => {
    server(() => ({}));
    useAccess().give(TOKEN);
    await get("/api/x");
    expect((calls[0].init.headers as Record<string, string>).Authorization).toBe(`Bearer ${TOKEN}`);
    expect(calls[0].path).toBe("/api/x");
    expect([sessionStorage.getItem(TOKEN_KEY), localStorage.length]).toEqual([TOKEN, 0]);
    setActivePinia(createPinia());
    expect(useAccess().token).toBe(TOKEN);
    useAccess().forget();
    expect(sessionStorage.length).toBe(0);
    await get("/api/x");
    expect(calls[1].init.headers).not.toHaveProperty("Authorization");
  });
  it("is asked for when a read is refused, not when a change is", async () => {
    server(() => problem(403, { detail: "no admin token is configured: set one" }));
    await expect(change("DELETE", "/api/x")).rejects.toThrow("no admin token");
    expect(useAccess().wanted).toBe(false);
    await expect(get("/api/x")).rejects.toThrow();
    expect(useAccess()).toMatchObject({ wanted: true, message: "no admin token is configured: set one" });
  });
  it("knows what cannot be a token", () => expect([TOKEN, "short", "sixteen characters long", "令牌令牌令牌令牌令牌令牌令牌令牌"].map(isToken)).toEqual([true, false, false, false]));
  it("gives up on an answer that does not come", async () => {
    vi.stubGlobal("fetch", (_: string, { signal }: RequestInit) => new Promise((_, fail) => signal!.addEventListener("abort", () => fail(signal!.reason))));
    const got = get("/api/slow").catch((e: Error) => e.message);
    await settle(10_001);
    expect(await got).toBe("/api/slow: no answer in 10 s");
  });
});

describe("settings", () => {
  it("take Prometheus only where it is an address", () => {
    localStorage.setItem(STORAGE_KEY, '{"theme":"pink","uiLanguage":"zh-CN","prometheus":"/prometheus/"}');
    const settings = useSettings();
    expect(settings).toMatchObject({ uiLanguage: "zh-CN", prometheus: "/prometheus" });
    expect(settings.values.theme).toBe("system");
    settings.values.prometheus = "ftp://x";
    expect(settings.prometheus).toBe("");
  });
});

const snapshot = (at_ms: number, uptime_s: number, out = 0) => ({ at_ms, uptime_s, history: [], cpu_s: uptime_s, bytes: { in: 0, out }, frames: { rendered: 0, late: 0, dropped: 0 }, loop_delay_ms: { p50: 0, p99: 1, max: 2 } }) as unknown as Snapshot;

describe("monitor", () => {
  it("does not grow however long it runs", () => {
    const monitor = useMonitor();
    for (let i = 0; i < 5 * MAX_RATES; i++) monitor.take(snapshot(i * 2000, i * 2, i * 100));
    expect(monitor.rates).toHaveLength(MAX_RATES);
    expect(monitor.rates[MAX_RATES - 1].t_ms).toBe((5 * MAX_RATES - 1) * 2000);
    expect(monitor.lines.bytes_out).toHaveLength(MAX_RATES);
    expect(monitor.lines.bytes_out[0][1]).toBe(50);
  });
  it("begins anew when the server was", () => {
    const monitor = useMonitor();
    [snapshot(0, 100), snapshot(2000, 102), snapshot(9000, 1)].forEach(monitor.take);
    expect([monitor.rates.length, monitor.restartedAt]).toEqual([0, 9000]);
    monitor.take(snapshot(11_000, 3));
    expect(monitor.rates).toHaveLength(1);
  });
  it("reads caches from the metrics now and then, and waits while the token is wanted", async () => {
    let refused = false;
    server((path) => (refused ? problem(401, { detail: "token" }) : path === "/metrics" ? 'avatar_chat_cache_hits_total{cache="a"} 3\navatar_chat_cache_misses_total{cache="b"} 1\n' : snapshot(Date.now(), 1)));
    const monitor = useMonitor();
    monitor.start();
    await settle(9000);
    expect(monitor.caches).toEqual([{ name: "a", hits: 3, misses: 0 }, { name: "b", hits: 0, misses: 1 }]);
    expect(calls.filter((c) => c.path === "/metrics")).toHaveLength(1);
    refused = true;
    await settle(2500);
    const asked = calls.length;
    await settle(60_000);
    expect(calls.length).toBe(asked);
    refused = false;
    useAccess().give(TOKEN);
    await settle(10);
    expect(calls.length).toBeGreaterThan(asked);
    monitor.stop();
  });
});

describe("sessions", () => {
  it("stops one, also one that has just gone, and tells what else is wrong", async () => {
    server((path, init) => (init.method === "DELETE" ? (path.endsWith("/a") ? new Response(null, { status: 204 }) : path.endsWith("/b") ? undefined : problem(503, { detail: "busy" })) : undefined));
    const sessions = useSessions();
    sessions.list = { sessions: ["a", "b", "c"].map((id) => ({ id })) as never, queue: [] };
    await sessions.stop("a");
    await sessions.stop("b");
    await expect(sessions.stop("c")).rejects.toThrow("busy");
    expect(sessions.list.sessions.map((s) => s.id)).toEqual(["c"]);
  });
  it("watches one until it ends, and keeps its last state", async () => {
    let gone = false;
    server(() => (gone ? undefined : { id: "a", timeline: [] }));
    const sessions = useSessions();
    sessions.watchOne("a");
    await settle();
    expect([sessions.detail?.id, sessions.over]).toEqual(["a", false]);
    gone = true;
    await settle(2100);
    expect([sessions.detail?.id, sessions.over]).toEqual(["a", true]);
    const asked = calls.length;
    await settle(30_000);
    expect(calls.length).toBe(asked);
    sessions.watchOne("b");
    expect([sessions.detail, sessions.over]).toEqual([null, false]);
    sessions.detailPoller.stop();
  });
});

describe("logs", () => {
  const line = (seq: number, more: Partial<LogLine> = {}): LogLine => ({ seq, at_ms: seq, level: "info", component: seq % 2 ? "turn" : "session", event: "done", fields: {}, text: `turn=${seq}`, ...more });
  let all: LogLine[];
  const serve = () =>
    server((path) => {
      const q = new URL(path, "http://x").searchParams;
      const levels = ["error", "warn", "info", "debug"];
      const found = all.filter((l) => l.seq > Number(q.get("since")) && levels.indexOf(l.level) <= levels.indexOf(q.get("level")!)).slice(0, Number(q.get("limit")));
      return { lines: found, next: found.length === Number(q.get("limit")) ? found[found.length - 1].seq : (all[all.length - 1]?.seq ?? 0) };
    });

  it("fetches all that is kept, then what is new, and keeps no more than that", async () => {
    all = [...Array(450)].map((_, i) => line(i + 1));
    serve();
    const logs = useLogs();
    logs.poller.start();
    await settle();
    expect([logs.lines.length, calls.length]).toEqual([450, 3]);
    all.push(line(451));
    await settle(2100);
    expect(logs.lines.map((l) => l.seq).slice(-2)).toEqual([450, 451]);
    expect(calls[calls.length - 1].path).toContain("since=450");
    for (let n = 451; n < 6000; n += 500) {
      all.push(...[...Array(500)].map((_, i) => line(n + 1 + i)));
      await settle(2100);
    }
    expect(logs.lines).toHaveLength(MAX_LINES);
    expect(new Set(logs.lines.map((l) => l.seq)).size).toBe(MAX_LINES);
    logs.poller.stop();
  });
  it("filters by level, component and text", async () => {
    all = [line(1), line(2, { level: "error", text: "reason=Trouble" }), line(3, { level: "warn" })];
    serve();
    const logs = useLogs();
    logs.poller.start();
    await settle();
    expect(logs.components).toEqual(["session", "turn"]);
    logs.component = "turn";
    expect(logs.matching.map((l) => l.seq)).toEqual([1, 3]);
    logs.component = "";
    logs.text = " trouble ";
    expect(logs.matching.map((l) => l.seq)).toEqual([2]);
    logs.text = "";
    logs.setLevel("error");
    await settle();
    expect(logs.lines.map((l) => l.seq)).toEqual([2]);
    logs.poller.stop();
  });
  it("pauses, goes on without a gap, and begins anew with the server", async () => {
    all = [line(1), line(2)];
    serve();
    const logs = useLogs();
    logs.poller.start();
    await settle();
    logs.setPaused(true);
    all.push(line(3));
    const asked = calls.length;
    await settle(30_000);
    expect([calls.length, logs.lines.length]).toEqual([asked, 2]);
    logs.setPaused(false);
    await settle();
    expect(logs.lines.map((l) => l.seq)).toEqual([1, 2, 3]);
    all = [line(1, { text: "fresh" })];
    await settle(4200);
    expect(logs.lines.map((l) => l.text)).toEqual(["fresh"]);
    logs.poller.stop();
  });
});

describe("configuration", () => {
  const option = (path: string, more: Partial<ConfigOption> = {}): ConfigOption => ({ path, value: "1", default: "1", origin: "default", where: "", runtime: true, secret: false, type: "string", help: `helps with ${path}`, ...more });
  const OPTIONS = [option("server.port", { type: "int", runtime: false, min: 0, max: 65535 }), option("tts.flite.voice", { value: "slt", origin: "file" }), option("llm.openai.api_key", { value: "***", secret: true })];

  it("says what cannot be a value", () => {
    const whole = option("a", { type: "int", min: 1, max: 9 });
    expect(["5", "x", "", "1.5", "10", " "].map((v) => flawOf(whole, v))).toEqual(["", "config.badNumber", "config.badNumber", "config.badWhole", "config.badRange", "config.badNumber"]);
    expect([flawOf(option("b", { type: "float", min: 0, max: 1 }), "0.5"), flawOf(option("c"), "anything")]).toEqual(["", ""]);
    expect([asText(null), asText(5), asText("x"), asText(["a"])]).toEqual(["", "5", "x", '["a"]']);
  });
  it("is searched, filtered, and shown by section", async () => {
    server(() => ({ options: OPTIONS }));
    const config = useConfig();
    await config.load();
    expect(config.sections.map(([name]) => name)).toEqual(["server", "tts.flite", "llm.openai"]);
    config.search = "VOICE helps";
    expect(config.shown.map((o) => o.path)).toEqual(["tts.flite.voice"]);
    config.search = "***";
    expect(config.shown).toEqual([]);
    config.search = "";
    config.show = "changed";
    expect(config.shown.map((o) => o.path)).toEqual(["tts.flite.voice"]);
    config.show = "runtime";
    expect(config.shown).toHaveLength(2);
  });
  it("sends changes, keeps them when they are refused, and tells why", async () => {
    let answer: unknown = problem(422, { detail: "wrong", errors: ["line 1", "line 2"] });
    server((_, init) => (init.method === "PUT" ? answer : { options: OPTIONS }));
    const config = useConfig();
    await config.load();
    config.edit(OPTIONS[1], "rms");
    config.edit(OPTIONS[2], "secret");
    config.edit(OPTIONS[2], "***");
    expect(config.draft).toEqual({ "tts.flite.voice": "rms", "llm.openai.api_key": "***" });
    config.edit(OPTIONS[1], "slt");
    expect(config.dirty).toEqual(["llm.openai.api_key"]);
    config.discard();
    config.edit(OPTIONS[1], "rms");
    await config.apply();
    expect([config.refusals, config.draft]).toEqual([["line 1", "line 2"], { "tts.flite.voice": "rms" }]);
    answer = problem(409, { detail: "these need a restart", options: ["tts.flite.voice"] });
    await config.apply();
    expect(config.refusals).toEqual(["these need a restart: tts.flite.voice"]);
    answer = { changed: ["tts.flite.voice"] };
    await config.apply();
    expect([config.refusals, config.draft, config.changed]).toEqual([[], {}, ["tts.flite.voice"]]);
    const put = calls.find((c) => c.init.method === "PUT")!;
    expect(JSON.parse(String(put.init.body))).toEqual({ set: { "tts.flite.voice": "rms" } });
    expect((put.init.headers as Record<string, string>)["Content-Type"]).toBe("application/json");
  });
  it("tells why it could not be read", async () => {
    server(() => problem(503, { detail: "busy" }));
    const config = useConfig();
    await config.load();
    expect(config).toMatchObject({ state: "failed", error: "busy" });
  });
});
