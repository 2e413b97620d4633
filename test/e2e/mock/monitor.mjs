/*
 * A scripted server for the monitoring panel: the REST side that docs/protocol.md gives to administrators, with traffic that goes
 * on by itself, and a Prometheus below /prometheus.
 *
 *     node test/e2e/mock/monitor.mjs [PORT] [DIST] [TOKEN]     prints "listening on PORT"
 *
 * DIST is the folder of the built pages (the panel is its monitor/); with a TOKEN the paths want it. Pages come with the same
 * content security policy as the server's. POST /mock/set changes what happens, a JSON object of
 *     down      503 for every path            empty    nobody has come yet
 *     memory    "ok", "soft" or "hard"        slow_ms  the delay of each answer
 *     restart   (once) counts from 0 again    prometheus  false: it answers 500
 * GET /mock/seen tells what was asked: {requests: [{method, path, authorization}]}, the last 500.
 */
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, resolve } from "node:path";

const here = new URL(".", import.meta.url).pathname;
const root = resolve(here, "../../..");
const port = Number(process.argv[2] ?? 8000);
const dist = resolve(process.argv[3] ?? join(root, "web/apps/chat/dist"));
const token = process.argv[4] ?? "";
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const MB = 1 << 20;

/* As the server's, from its source, so that the panel is tried under the rule it will live under. */
const policy = /"(default-src 'self';[^%]*)%s"/.exec(readFileSync(join(root, "src/server/guard.c"), "utf8"))?.[1].replace(/"\s*"/g, "").concat("'self'");
if (!policy) throw new Error("no content security policy found in src/server/guard.c");

let seed = 7;
const luck = () => ((seed = (seed * 1664525 + 1013904223) >>> 0) / 2 ** 32);
const between = (a, b) => a + (b - a) * luck();
const pick = (list) => list[Math.floor(luck() * list.length)];

const state = { down: false, empty: false, memory: "ok", slow_ms: 0, prometheus: true };
let started = Date.now() - 26 * 3600_000;
const seen = [];
const total = { done: 1840, interrupted: 212, failed: 9, rendered: 3_120_000, late: 812, dropped: 44, in: 310 * MB, out: 21_400 * MB, cpu: 41_000 };
let errors = { timeout: 6, network: 3, limit_exceeded: 2 };
const hex = (n) => [...Array(n)].map(() => Math.floor(luck() * 16).toString(16)).join("");

/* ---- sessions ---- */

function marksOf(spoken, running = false, result = "done") {
  const out = { endpoint: null, asr_final: null, first_token: null, first_sentence: null, first_audio: null, first_frame: null, first_fragment: null, done: null };
  let at = 0;
  const step = (name, a, b) => (out[name] = Math.round((at += between(a, b)) * 10) / 10);
  if (spoken) step("endpoint", 380, 520), step("asr_final", 30, 140);
  step("first_token", 60, 420);
  if (result === "failed") return out;
  step("first_sentence", 40, 260);
  step("first_audio", 25, 90);
  step("first_frame", 12, 50);
  step("first_fragment", 8, 40);
  if (!running) step("done", 2500, 14_000);
  return out;
}

const newTurn = (s, startedMs) => {
  const result = luck() < 0.04 ? "failed" : luck() < 0.15 ? "interrupted" : "done";
  return { turn: ++s.turn, question_chars: Math.round(between(8, 120)), started_ms: Math.round(startedMs), marks: marksOf(luck() < 0.6, false, result), result };
};

function newSession(openedMs, turns) {
  const s = {
    id: hex(32), state: "idle", opened_ms: Math.round(openedMs), idle_ms: 0, turn: 0, turns: 0, language: pick(["en", "zh-CN", "en", "auto"]), avatar: pick(["lin", "anna", "ben"]),
    voice: pick(["flite/slt", "espeak/cmn", "edge/zh-CN-XiaoxiaoNeural"]), address: pick(["192.0.2.17", "198.51.100.4", "2001:db8::42", "127.0.0.1"]),
    bytes_in: 120_000, bytes_out: 0, frames: 0, late_frames: 0, fps: 25, history: 0, timeline: [],
  };
  for (let i = 0; i < turns; i++) s.timeline.push(newTurn(s, openedMs + ((Date.now() - openedMs) * (i + 0.5)) / turns));
  s.timeline = s.timeline.slice(-20);
  s.turns = turns;
  s.history = 2 * turns;
  s.frames = turns * 180;
  s.bytes_out = turns * 620_000;
  s.late_frames = luck() < 0.3 ? Math.round(between(1, 40)) : 0;
  s.fps = s.late_frames > 25 ? 18.5 : 25;
  return s;
}
let sessions = [];
for (let i = 0; i < 9; i++) sessions.push(newSession(Date.now() - between(20_000, 3_000_000), Math.round(between(1, 26))));
sessions[8].state = "detached";
let waiting = Date.now();

function live() {
  for (const s of sessions) {
    if (s.state === "detached") continue;
    s.state = luck() < 0.7 ? s.state : pick(["speaking", "speaking", "thinking", "listening", "idle"]);
    s.idle_ms = s.state === "idle" ? s.idle_ms + 1000 : 0;
    if (s.state === "speaking") {
      s.frames += 25;
      s.bytes_out += 90_000;
      total.rendered += 25;
      total.out += 90_000;
    }
    if (luck() < 0.08) {
      s.timeline = [...s.timeline, newTurn(s, Date.now() - 3000)].slice(-20);
      s.turns++;
      s.history += 2;
      total[s.timeline[s.timeline.length - 1].result]++;
    }
  }
  total.in += 12_000;
  total.cpu += between(0.6, 1.6);
  if (luck() < 0.2) total.late += Math.round(between(1, 5));
  if (luck() < 0.15) log(pick(LOGS));
}

/* ---- half an hour of samples ---- */

const history = [];
function sample(t) {
  const wave = 4 + 2.5 * Math.sin(t / 240_000) + between(-1, 1);
  const talking = Math.max(0, Math.round(wave));
  history.push({ t_ms: t, talking, sessions: talking + 4 + Math.round(between(0, 2)), rss_bytes: Math.round((410 + 40 * Math.sin(t / 600_000) + between(-4, 4)) * MB), cpu: Math.max(0.05, talking * 0.19 + between(-0.1, 0.2)), turns_per_min: Math.max(0, Math.round(talking * 3.2 + between(-2, 2))), first_fragment_p50: Math.round(between(390, 460)) });
  if (history.length > 360) history.shift();
}
for (let i = 360; i > 0; i--) sample(Date.now() - i * 5000);

/* ---- log ---- */

const LOGS = [
  ["info", "session", "opened", { session: "9f2c", address: "192.0.2.17" }],
  ["info", "turn", "done", { session: "9f2c", turn: 4, first_fragment_ms: 412 }],
  ["info", "session", "closed", { session: "9f2c", reason: "client" }],
  ["warn", "tts", "degraded", { from: "edge", to: "flite", reason: "no answer in 5 s from the speech service; the next engine takes over" }],
  ["debug", "models", "kept", { engine: "asr.whisper", users: 2 }],
  ["error", "llm", "failed", { engine: "openai", status: 502, reason: "the language model's server gave no answer" }],
];
const lines = [];
let seq = 0;
function log([level, component, event, fields]) {
  const text = Object.entries(fields).map(([k, v]) => `${k}=${/\s/.test(v) ? JSON.stringify(v) : v}`).join(" ");
  lines.push({ seq: ++seq, at_ms: Date.now(), level, component, event, fields, text });
  if (lines.length > 2000) lines.shift();
}
for (let i = 0; i < 700; i++) log(pick(LOGS));
const LEVELS = ["error", "warn", "info", "debug"];

/* ---- configuration ---- */

const option = (path, type, value, def, help, more = {}) => ({ path, value, default: def, origin: value === def ? "default" : "file", where: value === def ? "" : "avatar-chat.yaml:12", runtime: false, secret: false, type, help, ...more });
const options = [
  option("server.host", "string", "0.0.0.0", "127.0.0.1", "Address to listen on; 0.0.0.0 for every network of this machine."),
  option("server.port", "int", "8000", "8000", "Port to listen on; 0 takes a free one.", { min: 0, max: 65535 }),
  option("server.max_sessions", "int", "200", "200", "Sessions at the same time.", { min: 1, max: 100000, runtime: true }),
  option("log.level", "choice", "info", "info", "What is logged, up to which detail.", { choices: ["error", "warn", "info", "debug"], runtime: true }),
  option("session.turn_timeout_s", "int", "300", "300", "Longest time for a whole answer.", { min: 1, max: 86400, runtime: true }),
  option("tts.use", "engines", "[edge, flite, espeak]", "[flite, espeak]", "Engines, in the order in which they are tried."),
  option("tts.flite.voice", "string", "slt", "slt", "Voice to speak with.", { runtime: true }),
  option("tts.flite.subtitles", "bool", "true", "true", "Give the times of words.", { runtime: true }),
  option("llm.openai.api_key", "string", "***", "", "Key of the language model's server.", { secret: true, runtime: true }),
  option("listen.threshold", "float", "0.5", "0.5", "How sure one must be that it is speech.", { min: 0, max: 1, runtime: true }),
];

function putConfig(body, send) {
  const set = Object.entries(body.set ?? {});
  const fixed = set.filter(([path]) => options.some((o) => o.path === path && !o.runtime)).map(([path]) => path);
  if (fixed.length) return send(409, { title: "Conflict", status: 409, detail: "these need a restart", options: fixed });
  const wrong = set.flatMap(([path, value]) => {
    const o = options.find((x) => x.path === path);
    if (!o) return [`--set: ${path}: there is no such option`];
    if (path === "tts.flite.voice" && !["slt", "rms", "awb"].includes(value)) return [`--set: ${path}: there is no voice "${value}"; there are: slt, rms, awb`];
    return o.type === "int" && !/^\d+$/.test(value) ? [`--set: ${path}: "${value}" is no whole number`] : [];
  });
  if (wrong.length) return send(422, { title: "Unprocessable Content", status: 422, detail: "the configuration is wrong; nothing was changed", errors: wrong });
  for (const [path, value] of set) Object.assign(options.find((o) => o.path === path), { value, origin: "set", where: "--set" });
  send(200, { changed: set.map(([path]) => path) });
}

/* ---- answers ---- */

function latency() {
  const out = {};
  for (const [mark, p50, p90, p99, n] of [["endpoint", 452, 508, 540, 61], ["asr_final", 541, 640, 702, 61], ["first_token", 262, 690, 1010, 104], ["first_sentence", 331, 810, 1180, 104], ["first_audio", 384, 862, 1240, 103], ["first_frame", 402, 880, 1275, 103], ["first_fragment", 424, 905, 1312, 103], ["done", 7200, 13800, 18400, 96], ["turn", 7200, 13800, 18400, 104], ["queued", 0, 0, 0, 0]])
    out[mark] = { p50, p90, p99, n };
  return out;
}

function memory(rss) {
  const hard = { ok: 1024 * MB, soft: rss * 1.3, hard: rss * 0.98 }[state.memory];
  return { rss_bytes: rss, soft_bytes: Math.round(state.memory === "ok" ? 768 * MB : rss * 0.93), hard_bytes: Math.round(hard), state: state.memory };
}

function monitor() {
  const now = Date.now();
  const base = { at_ms: now, uptime_s: Math.floor((now - started) / 1000), version: "0.1.0", limits: { max_sessions: 200, max_talking: 12 }, cores: 4, draining: false };
  const rss = history[history.length - 1].rss_bytes;
  if (state.empty)
    return { ...base, sessions: 0, detached: 0, talking: 0, queue: 0, waiting_turns: 0, turns: { total: 0, done: 0, interrupted: 0, failed: 0 }, errors: {}, degraded: [], latency: Object.fromEntries(Object.keys(latency()).map((m) => [m, { p50: 0, p90: 0, p99: 0, n: 0 }])), frames: { rendered: 0, late: 0, dropped: 0 }, bytes: { in: 0, out: 0 }, rss_bytes: 61 * MB, cpu_s: 1.2, loop_delay_ms: { p50: 0, p99: 0, max: 0 }, queues: [], models: [], memory: { ...memory(61 * MB), soft_bytes: 768 * MB, hard_bytes: 1024 * MB }, history: [] };
  return {
    ...base, sessions: sessions.length, detached: 1, talking: sessions.filter((s) => /speaking|thinking/.test(s.state)).length, queue: 2, waiting_turns: 0,
    turns: { total: total.done + total.interrupted + total.failed, done: total.done, interrupted: total.interrupted, failed: total.failed }, errors,
    degraded: [{ stage: "tts", from: "edge", to: "flite", n: 4 }], latency: latency(), frames: { rendered: total.rendered, late: total.late, dropped: total.dropped }, bytes: { in: total.in, out: total.out },
    rss_bytes: rss, cpu_s: total.cpu, loop_delay_ms: { p50: 0.2, p99: Math.round(between(10, 42)) / 10, max: 18.4 },
    queues: [["sessions", 2, 0], ["turns", 0, 0], ["tasks", 3, 0], ["microphone", 12, 31], ["recognizer", 1, 0], ["sentences", 4, 0]].map(([name, depth, dropped]) => ({ name, depth, dropped })),
    models: [
      { engine: "vad.silero", open: true, users: 6, idle_s: 0, loads: 1 }, { engine: "asr.whisper", open: true, users: 3, idle_s: 0, loads: 2 },
      { engine: "avatar.wav2lip", open: true, users: 0, idle_s: 742, loads: 1 }, { engine: "asr.sensevoice", open: false, users: 0, idle_s: 0, loads: 0, error: "the model is not there: avatar-chat models pull sensevoice" },
    ],
    memory: memory(rss), history,
  };
}

const METRICS = () => `# HELP avatar_chat_cache_hits_total What was found in a cache.
# TYPE avatar_chat_cache_hits_total counter
avatar_chat_cache_hits_total{cache="idle_clips"} ${state.empty ? 0 : 412}
avatar_chat_cache_hits_total{cache="sentences"} 88
avatar_chat_cache_misses_total{cache="idle_clips"} 12
avatar_chat_cache_misses_total{cache="sentences"} 190
avatar_chat_sessions ${sessions.length}
`;

function range(url, send) {
  if (!state.prometheus) return send(500, { status: "error", error: "the query ran into a time-out" });
  const [start, end, step] = ["start", "end", "step"].map((k) => Number(url.searchParams.get(k)));
  const values = [];
  const scale = /rss|resident/.test(url.search) ? 420 * MB : /bytes_total/.test(url.search) ? 300_000 : /first_fragment/.test(url.search) ? 420 : 5;
  for (let t = start; t <= end; t += step) values.push([t, /first_fragment/.test(url.search) && luck() < 0.05 ? "NaN" : String(scale * (1 + 0.4 * Math.sin(t / 9000)))]);
  send(200, { status: "success", data: { resultType: "matrix", result: [{ metric: {}, values }] } });
}

async function bodyOf(req) {
  let text = "";
  for await (const piece of req) text += piece;
  return JSON.parse(text || "{}");
}

async function serve(req, res) {
  const url = new URL(req.url, "http://mock");
  const path = url.pathname;
  const send = (status, body) => res.writeHead(status, { "Content-Type": status < 400 ? "application/json" : "application/problem+json", "Cache-Control": "no-store" }).end(JSON.stringify(body));
  if (path === "/mock/seen") return send(200, { requests: seen });
  if (path === "/mock/set") {
    const set = await bodyOf(req);
    if (set.restart) {
      started = Date.now();
      Object.assign(total, { done: 0, interrupted: 0, failed: 0, rendered: 0, late: 0, dropped: 0, in: 0, out: 0, cpu: 0.4 });
      errors = {};
    }
    Object.assign(state, set);
    return send(200, state);
  }
  seen.push({ method: req.method, path: req.url, authorization: req.headers.authorization ?? "" });
  if (seen.length > 500) seen.shift();
  if (path === "/prometheus/api/v1/query_range") return range(url, send);
  if (state.slow_ms) await new Promise((done) => setTimeout(done, state.slow_ms));
  if (!path.startsWith("/api/") && path !== "/metrics") return page(path, res);
  if (state.down) return send(503, { title: "Service Unavailable", status: 503, detail: "the server is going down" });
  if (token && req.headers.authorization !== `Bearer ${token}`) {
    res.setHeader("WWW-Authenticate", "Bearer");
    return send(401, { title: "Unauthorized", status: 401, detail: "this path wants the admin token: Authorization: Bearer TOKEN" });
  }
  if (path === "/metrics") return res.writeHead(200, { "Content-Type": "text/plain; version=0.0.4" }).end(METRICS());
  if (path === "/api/monitor") return send(200, monitor());
  if (path === "/api/sessions") return send(200, state.empty ? { sessions: [], queue: [] } : { sessions: sessions.map(({ timeline, ...s }) => s), queue: [{ id: hex(32), waiting_ms: Date.now() - waiting }, { id: "", waiting_ms: 2100 }] });
  if (path === "/api/config" && req.method === "PUT") return putConfig(await bodyOf(req), send);
  if (path === "/api/config") return send(200, { options });
  if (path === "/api/logs") {
    const [since, limit] = [Number(url.searchParams.get("since") ?? 0), Number(url.searchParams.get("limit") ?? 200)];
    const level = LEVELS.indexOf(url.searchParams.get("level") ?? "info");
    const found = lines.filter((l) => l.seq > since && LEVELS.indexOf(l.level) <= level).slice(0, limit);
    return send(200, { lines: found, next: found.length === limit ? found[limit - 1].seq : seq });
  }
  const one = /^\/api\/sessions\/(\w+)$/.exec(path)?.[1];
  const s = sessions.find((x) => x.id === one);
  if (!s) return send(404, { title: "Not Found", status: 404, detail: one ? "there is no such session" : `there is no ${path}` });
  if (req.method !== "DELETE") return send(200, s);
  sessions = sessions.filter((x) => x !== s);
  res.writeHead(204).end();
}

function page(path, res) {
  const file = join(dist, path);
  const found = file.startsWith(dist) && extname(file) && existsSync(file) ? file : join(dist, /^\/monitor\b/.test(path) ? "monitor/index.html" : "index.html");
  const bytes = readFileSync(found);
  res.writeHead(200, { "Content-Type": TYPES[extname(found)] ?? "application/octet-stream", "Content-Security-Policy": policy }).end(bytes);
}

setInterval(live, 1000);
setInterval(() => sample(Date.now()), 5000);
const http = createServer((req, res) => void serve(req, res).catch((e) => res.writeHead(500).end(String(e))));
http.listen(port, "127.0.0.1", () => console.log(`listening on ${http.address().port}`));
