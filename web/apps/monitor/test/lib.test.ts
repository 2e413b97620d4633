/** What needs no page: formats, time-lines, charts, Prometheus, polling. */
import { HttpError } from "@avatar-chat/ui";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { binaryStep, lineChart, waterfallChart, withGaps } from "../src/lib/charts";
import { escapeHtml, formatBytes, formatMs, formatNumber, formatSpan, formatTime, NOTHING, shortId } from "../src/lib/format";
import { backoffMs, HIDDEN_MS, makePoller, MAX_BACKOFF_MS, VISIBLE_MS } from "../src/lib/poller";
import { pointsOf, prometheusBase, queryLines, rowsOf, stepOf } from "../src/lib/prometheus";
import { ownLines, ratesBetween, type Point } from "../src/lib/series";
import type { Snapshot, TurnInfo } from "../src/lib/types";
import { newest, steps } from "../src/lib/waterfall";

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe("formats", () => {
  it.each([
    [0, "0 B"], [1023, "1,023 B"], [1024, "1 KB"], [1536, "1.5 KB"], [120 * 2 ** 20, "120 MB"], [3.25 * 2 ** 30, "3.3 GB"], [5000 * 2 ** 40, "5,000 TB"], [NaN, NOTHING], [null, NOTHING], [undefined, NOTHING],
  ])("%s bytes are %s", (v, text) => expect(formatBytes(v, "en")).toBe(text));
  it.each([
    [0, "0 ms"], [0.24, "0.2 ms"], [12.4, "12 ms"], [999.4, "999 ms"], [1240, "1.24 s"], [18_400, "18.4 s"], [-20, "-20 ms"], [Infinity, NOTHING],
  ])("%s ms are %s", (v, text) => expect(formatMs(v, "en")).toBe(text));
  it.each([
    [0, "0s", "0秒"], [59_999, "59s", "59秒"], [60_000, "1m", "1分钟"], [310_000, "5m 10s", "5分钟 10秒"], [3_600_000, "1h", "1小时"], [183_900_000, "2d 3h", "2天 3小时"], [-5, "0s", "0秒"],
  ])("%s ms last %s", (v, en, zh) => expect([formatSpan(v, "en"), formatSpan(v, "zh-CN")]).toEqual([en, zh]));
  it("numbers lose digits as they grow", () => {
    expect([1.234, 12.34, 123.4, 12345.6].map((v) => formatNumber(v, "en", 2))).toEqual(["1.23", "12.3", "123", "12,346"]);
    expect([formatNumber(undefined, "en"), formatSpan(NaN, "en")]).toEqual([NOTHING, NOTHING]);
  });
  it("tells times with milliseconds where they are wanted", () => {
    const at = new Date(2024, 1, 2, 3, 4, 5, 67).getTime();
    expect([formatTime(at, "en"), formatTime(at, "zh-CN", true)]).toEqual(["03:04:05", "03:04:05.067"]);
  });
  it("shortens ids and makes text harmless", () => {
    expect([shortId("0123456789abcdef"), shortId("short")]).toEqual(["01234567…", "short"]);
    expect(escapeHtml(`<b a="1">&'`)).toBe("&#60;b a=&#34;1&#34;&#62;&#38;&#39;");
  });
});

const turn = (n: number, marks: TurnInfo["marks"], result: TurnInfo["result"] = "done"): TurnInfo => ({ turn: n, question_chars: 9, started_ms: 0, marks, result });

describe("time-line", () => {
  it("is one step after the other", () => {
    expect(steps({ endpoint: 400, asr_final: 450, first_token: 600 })).toEqual([
      { mark: "endpoint", from: 0, to: 400 },
      { mark: "asr_final", from: 400, to: 450 },
      { mark: "first_token", from: 450, to: 600 },
    ]);
  });
  it("leaves out what is missing, bears what was begun ahead of time, ends where it is told to", () => {
    expect(steps({ endpoint: null, first_token: 300, first_sentence: 280, first_fragment: 500, done: 9000 }, "first_fragment")).toEqual([
      { mark: "first_token", from: 0, to: 300 },
      { mark: "first_sentence", from: 300, to: 300 },
      { mark: "first_fragment", from: 300, to: 500 },
    ]);
    expect(steps({ first_token: -5 })).toEqual([{ mark: "first_token", from: 0, to: 0 }]);
    expect(steps({})).toEqual([]);
  });
  it("has the newest 20 turns first", () => {
    const list = newest([...Array(30)].map((_, i) => turn(i + 1, {})));
    expect([list.length, list[0].turn, list[19].turn]).toEqual([20, 30, 11]);
  });
  it("draws each turn as stacked bars that add up to its end", () => {
    const words = { mark: (m: string) => m, ms: (v: number) => `${v}`, turn: (t: TurnInfo) => `${t.turn}`, end: () => "end", result: (t: TurnInfo) => t.result };
    const option = waterfallChart([turn(2, { endpoint: 400, first_token: 500, first_fragment: 700, done: 5000 }), turn(1, { first_token: 90 }, "failed")], "first_fragment", words, { dark: false, language: "en" });
    const series = option.series as { id: string; data: (number | null)[]; label: { show: boolean; formatter: (p: { dataIndex: number }) => string } }[];
    const data = Object.fromEntries(series.map((s) => [s.id, s.data]));
    expect(data).toMatchObject({ endpoint: [400, null], first_token: [100, 90], first_fragment: [200, 0], done: [] });
    const last = series.find((s) => s.label.show)!;
    expect([last.id, last.label.formatter({ dataIndex: 0 }), last.label.formatter({ dataIndex: 1 })]).toEqual(["first_fragment", "700", "90 · failed"]);
    const tooltip = option.tooltip as { formatter: (hits: { dataIndex: number }[]) => string };
    expect(tooltip.formatter([{ dataIndex: 0 }])).toContain("done <b>5000</b> (+4300)");
    expect(tooltip.formatter([])).toBe("");
  });
});

describe("line charts", () => {
  const chart = (points: Point[], limits: { name: string; value: number; colour: string }[] = []) =>
    lineChart({ series: [{ id: "a", name: "<A>", points, colour: "red" }], from: 0, to: 1_800_000, format: (v) => `${v}`, limits }, { dark: true, language: "en" });
  it("breaks the line where nothing is known", () => {
    expect(withGaps([[0, 1], [10, 2], [100, 3]], 50)).toEqual([[0, 1], [10, 2], [11, null], [100, 3]]);
    expect(withGaps([], 50)).toEqual([]);
  });
  it("shows limits that are near only, and what names say as text", () => {
    const lines = (o: ReturnType<typeof chart>) => (o.series as { markLine: { data: unknown[] } }[])[0].markLine.data.length;
    expect(lines(chart([[0, 100]], [{ name: "soft", value: 300, colour: "x" }, { name: "hard", value: 9000, colour: "x" }, { name: "none", value: 0, colour: "x" }]))).toBe(1);
    const { formatter } = chart([]).tooltip as { formatter: (rows: object[]) => string };
    expect(formatter([{ seriesIndex: 0, value: [0, 7], marker: "" }])).toContain("&#60;A&#62; <b>7</b>");
  });
  it("counts bytes in powers of two", () => expect([binaryStep(1000), binaryStep(900 * 2 ** 20), binaryStep(0)]).toEqual([256, 256 * 2 ** 20, 1]));
});

const snapshot = (over: Partial<Snapshot> = {}): Snapshot => ({
  at_ms: 1000, uptime_s: 10, version: "1", sessions: 0, talking: 0, queue: 0, limits: { max_sessions: 1, max_talking: 1 }, turns: { total: 0, done: 0, interrupted: 0, failed: 0 }, errors: {}, degraded: [], latency: {},
  frames: { rendered: 0, late: 0, dropped: 0 }, bytes: { in: 0, out: 0 }, rss_bytes: 0, cpu_s: 0, cores: 2, loop_delay_ms: { p50: 0, p99: 3, max: 0 }, queues: [], models: [], memory: { rss_bytes: 0, soft_bytes: 0, hard_bytes: 0, state: "ok" }, history: [], draining: false, ...over,
});

describe("rates", () => {
  it("are per second, and none where the server was started anew or no time passed", () => {
    const now = snapshot({ at_ms: 3000, uptime_s: 12, cpu_s: 3, bytes: { in: 10, out: 4000 }, frames: { rendered: 50, late: 4, dropped: 0 } });
    expect(ratesBetween(snapshot(), now)).toEqual({ t_ms: 3000, cpu: 1.5, loop_p99: 3, bytes_in: 5, bytes_out: 2000, rendered: 25, late_frames: 2 });
    expect(ratesBetween(snapshot(), snapshot({ at_ms: 3000, uptime_s: 1 }))).toBeNull();
    expect(ratesBetween(snapshot(), snapshot())).toBeNull();
  });
  it("become lines; a median of 0 is no median", () => {
    const sample = { t_ms: 5, talking: 1, sessions: 2, rss_bytes: 3, cpu: 4, turns_per_min: 5, first_fragment_p50: 0 };
    const lines = ownLines([sample, { ...sample, t_ms: 6, first_fragment_p50: 400 }], []);
    expect([lines.talking, lines.first_fragment_p50, lines.bytes_in]).toEqual([[[5, 1], [6, 1]], [[6, 400]], []]);
    expect(ownLines([...Array(5000)].map((_, i) => ({ ...sample, t_ms: i })), []).cpu.length).toBeLessThanOrEqual(720);
  });
});

describe("Prometheus", () => {
  it.each([
    ["/prometheus", "/prometheus"], ["/prometheus/", "/prometheus"], [" http://host:9090/api/v1/ ", "http://host:9090"], ["https://host/p", "https://host/p"],
    ["", ""], ["//evil", ""], ["javascript:alert(1)", ""], ["http://u:p@host", ""], ["host:9090", ""], ["http://h/?a=b", ""], ["/a b", ""],
  ])("address %j is %j", (text, base) => expect(prometheusBase(text)).toBe(base));
  it("gives numbers, leaves out what is none, fails with what it says", () => {
    expect(pointsOf({ status: "success", data: { result: [{ values: [[1, "2.5"], [2, "NaN"], [3, "+Inf"], [4, "0"]] }] } })).toEqual([[1000, 2.5], [4000, 0]]);
    expect(pointsOf({ status: "success", data: { result: [] } })).toEqual([]);
    expect(() => pointsOf({ status: "error", error: "bad query" })).toThrow("bad query");
  });
  it("asks for every line with a bounded number of points, without the token", async () => {
    const asked: [string, RequestInit | undefined][] = [];
    vi.stubGlobal("fetch", async (url: string, init?: RequestInit) => (asked.push([url, init]), new Response('{"status":"success","data":{"result":[{"values":[[1,"1"]]}]}}')));
    const lines = await queryLines("/p", 86400, undefined, 1_000_000);
    expect(lines.sessions).toEqual([[1000, 1]]);
    expect(asked).toHaveLength(10);
    for (const [url, init] of asked) {
      expect(url).toMatch(/^\/p\/api\/v1\/query_range\?query=.+&start=913600&end=1000000&step=360$/);
      expect(init?.headers).toBeUndefined();
    }
    expect([stepOf(3600), stepOf(7 * 86400)]).toEqual([15, 2520]);
  });
  it("fails where the answer is none of Prometheus", async () => {
    vi.stubGlobal("fetch", async () => new Response("<html>", { status: 404 }));
    await expect(queryLines("/p", 3600)).rejects.toThrow("/p: HTTP 404");
  });
  it("reads its text format", () => {
    const text = '# HELP a x\na{cache="one"} 5\na{more="1",cache="t\\"wo"} 7.5\nab{cache="one"} 9\na 3\nrubbish\n';
    expect([...rowsOf(text, "a", "cache")]).toEqual([["one", 5], ['t"wo', 7.5]]);
    expect([...rowsOf(text, "none", "cache")]).toEqual([]);
  });
});

describe("polling", () => {
  beforeEach(() => vi.useFakeTimers());
  const hide = (hidden: boolean) => {
    vi.spyOn(document, "hidden", "get").mockReturnValue(hidden);
    document.dispatchEvent(new Event("visibilitychange"));
  };
  afterEach(() => vi.restoreAllMocks());

  it("is every 2 s, every 5 s in a hidden tab, and at once when the tab comes back", async () => {
    const run = vi.fn(async () => {});
    const poller = makePoller(run);
    poller.start();
    poller.start();
    await vi.advanceTimersByTimeAsync(VISIBLE_MS * 3 + 10);
    expect(run).toHaveBeenCalledTimes(4);
    hide(true);
    run.mockClear();
    await vi.advanceTimersByTimeAsync(VISIBLE_MS);
    run.mockClear();
    await vi.advanceTimersByTimeAsync(HIDDEN_MS * 2 + 10);
    expect(run).toHaveBeenCalledTimes(2);
    hide(false);
    expect(run).toHaveBeenCalledTimes(3);
    poller.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(run).toHaveBeenCalledTimes(3);
  });

  it("backs off while it fails, says so, and recovers", async () => {
    let bad = true;
    const run = vi.fn(async () => {
      if (bad) throw new Error("away");
    });
    const poller = makePoller(run);
    poller.start();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(run.mock.calls.length).toBeLessThanOrEqual(7);
    expect(poller.state).toMatchObject({ error: "away", loaded: false });
    expect(poller.state.nextAt).toBeGreaterThan(Date.now());
    bad = false;
    poller.now();
    await vi.advanceTimersByTimeAsync(0);
    expect(poller.state).toMatchObject({ error: "", failures: 0, loaded: true });
    poller.stop();
  });

  it("has one run at a time, and an aborted one leaves no trace", async () => {
    let signal: AbortSignal | undefined;
    const run = vi.fn((s: AbortSignal) => new Promise<void>((_, fail) => ((signal = s), s.addEventListener("abort", () => fail(new Error("aborted"))))));
    const poller = makePoller(run);
    poller.start();
    poller.now();
    await vi.advanceTimersByTimeAsync(30_000);
    expect(run).toHaveBeenCalledTimes(1);
    poller.stop();
    await vi.advanceTimersByTimeAsync(30_000);
    expect([signal!.aborted, poller.state.error]).toEqual([true, ""]);
    poller.start();
    expect(run).toHaveBeenCalledTimes(2);
    poller.stop();
  });

  it("waits as long as the server asks for", async () => {
    expect(backoffMs(2000, 1, 0, 0.5)).toBe(4000);
    expect(backoffMs(2000, 50, 0, 1)).toBeLessThanOrEqual(MAX_BACKOFF_MS * 1.1 + 1);
    expect(backoffMs(2000, 1, 60, 0.5)).toBe(60_000);
    const run = vi.fn(async () => Promise.reject(new HttpError(429, "slow down", {}, 20)));
    const poller = makePoller(run);
    poller.start();
    await vi.advanceTimersByTimeAsync(19_000);
    expect(run).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1500);
    expect(run).toHaveBeenCalledTimes(2);
    poller.stop();
  });
});
