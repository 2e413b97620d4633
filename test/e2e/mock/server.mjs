/*
 * A scripted server for the page: speaks docs/protocol.md without any engine, so that faults can be shown at will.
 *
 *     node test/e2e/mock/server.mjs [PORT] [DIST] [deaf]     prints "listening on PORT"
 *
 * The pictures are made once by ffmpeg: an idle clip, and an answer of three sentences of 2 s cut in fragments of 200 ms. What a
 * question does is told by its first word:
 *     slow   the second sentence comes 1.5 s late        drop    the socket is cut in mid-answer
 *     fail   an error in place of an answer              degrade another engine takes over first
 *     short  the first sentence only              plain   as short, without the times of its words
 *     rich   a long answer in Markdown                think   an answer behind thoughts
 *     empty  a turn without a text                    half    an error after the first sentence
 * What is to be said (`say`) is the first sentence, and fails in the voice "cmn". Conversations are kept in memory (conversations.mjs); POST /mock/seed `{client, list}` makes some.
 * It hears loud from quiet: 200 ms of loud begin an utterance, 500 ms of quiet (or audio_end) end it; what was said is SPOKEN,
 * word by word. `/api/heard` tells what came of the microphones. `deaf`: it cannot listen.
 * Run from web/ or with NODE_PATH, for the package ws.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { extname, join, resolve } from "node:path";

import * as memory from "./conversations.mjs";

const here = new URL(".", import.meta.url).pathname;
const { WebSocketServer } = createRequire(resolve(here, "../../../web/package.json"))("ws");

const port = Number(process.argv[2] ?? 8000);
const dist = resolve(process.argv[3] ?? join(here, "../../../web/apps/chat/dist"));
const work = mkdtempSync(join(tmpdir(), "avatar-mock-"));
const SENTENCE_MS = 2000;
const FRAGMENT_MS = 200;
const IDLE_MS = 4000;
const SPOKEN = ["hello there", "what can you do", "tell me more"];
const LOUD_RMS = 0.01;
const LISTEN = process.argv[4] === "deaf"
  ? { available: false, loading: false, vad: "", asr: "", languages: [], reason: "mock: the model is missing; fetch it" }
  : { available: true, loading: false, vad: "mock-vad", asr: "mock-asr", languages: ["en"], reason: "" };
const SENTENCES = [
  "This is the **first** sentence of a scripted answer, ",
  "here comes the second one with `code` in it. ",
  "And this is the third and last sentence.",
];

const RICH = `# Tea in three steps

A **good** cup needs *time*, see [the standard](https://example.org/iso-3103) and \`water(96)\`:

1. Boil the water.
   - fresh water
   - not twice
2. Wait **four** minutes.
3. Pour.

| Tea | Water | Minutes |
|:--|--:|--:|
| green | 75 °C | 2 |
| black | 96 °C | 4 |
| a very long name of a herb tea | 100 °C | 8 |

\`\`\`python
def brew(tea, minutes=4):
    return f"{tea} after {minutes} minutes"  # a line that is too long for the narrow panel
\`\`\`

> Milk comes last. <b>Always.</b>

[Never](javascript:alert(1)) and ![a picture](https://example.org/tea.png).
`;
const THOUGHT = "<think>The user asks for a thought. **Careful** now.</think>";

function ffmpeg(...args) {
  execFileSync("ffmpeg", ["-v", "error", "-y", ...args], { stdio: "inherit", cwd: work });
}

function makeMedia() {
  const picture = (hue, s) => `testsrc2=s=512x512:r=25:d=${s},hue=h=${hue}`;
  const x264 = ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-profile:v", "baseline", "-pix_fmt", "yuv420p"];
  ffmpeg("-f", "lavfi", "-i", picture(0, IDLE_MS / 1000), ...x264, "-movflags", "+faststart", "idle.mp4");
  ffmpeg("-f", "lavfi", "-i", picture(0, 0.04), "-frames:v", "1", "poster.jpg");
  const seconds = (SENTENCES.length * SENTENCE_MS) / 1000;
  ffmpeg("-f", "lavfi", "-i", picture(90, seconds), "-f", "lavfi", "-i", `sine=330:r=24000:d=${seconds}`, ...x264, "-g", "250",
    "-force_key_frames", `expr:gte(t,n_forced*${SENTENCE_MS / 1000})`, "-c:a", "aac", "-b:a", "64k",
    "-movflags", "+empty_moov+default_base_moof+frag_keyframe", "-frag_duration", String(FRAGMENT_MS * 1000), "talk.mp4");
  return cut(readFileSync(join(work, "talk.mp4")));
}

/* [init, fragment…]: a fragment is moof+mdat. */
function cut(file) {
  const parts = [];
  let init = Buffer.alloc(0);
  for (let at = 0; at < file.length; ) {
    const size = file.readUInt32BE(at);
    const type = file.toString("latin1", at + 4, at + 8);
    const box = file.subarray(at, at + size);
    if (type === "ftyp" || type === "moov") init = Buffer.concat([init, box]);
    else if (type === "moof") parts.push(box);
    else if (type === "mdat") parts.push(Buffer.concat([parts.pop(), box]));
    at += size;
  }
  return [init, ...parts];
}

const [init, ...made] = makeMedia();
const fragments = made.slice(0, (SENTENCES.length * SENTENCE_MS) / FRAGMENT_MS);
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const person = (id, name) => ({ id, name, gender: "female", detail: "", poster: `/api/avatars/${id}/poster.jpg`, idle: `/api/avatars/${id}/idle.mp4` });
const API = {
  "/api/status": { status: "ok", version: "mock" },
  "/api/avatars": [person("one", "Anna"), person("two", "Ben")],
  "/api/voices": [
    { id: "slt", name: "SLT", lang: "en", gender: "female", engine: "flite" },
    { id: "rms", name: "RMS", lang: "en", gender: "male", engine: "flite" },
    { id: "cmn", name: "Mandarin", lang: "zh-CN", gender: "male", engine: "espeak" },
  ],
};

const heard = [];

async function seed(req, res) {
  let text = "";
  for await (const piece of req) text += piece;
  const { client, list } = JSON.parse(text);
  memory.seed(client, list);
  res.writeHead(204).end();
}

function serve(req, res) {
  const url = new URL(req.url, "http://mock");
  if (url.pathname === "/mock/seed") return void seed(req, res);
  if (memory.serve(req, res, url)) return;
  const json = url.pathname === "/api/heard" ? heard : url.pathname === "/api/topics"
    ? url.searchParams.get("lang")?.startsWith("zh") ? ["你是谁？", "你会做什么？"] : ["Who are you?", "What can you do?", "How fast are you?"]
    : API[url.pathname];
  if (json) return void res.setHeader("Content-Type", "application/json").end(JSON.stringify(json));
  if (/idle\.mp4$/.test(url.pathname)) return sendRange(req, res, readFileSync(join(work, "idle.mp4")), "video/mp4");
  if (/poster\.jpg$/.test(url.pathname)) return sendRange(req, res, readFileSync(join(work, "poster.jpg")), "image/jpeg");
  const file = join(dist, url.pathname);
  const found = extname(file) && file.startsWith(dist) && existsSync(file) ? file : join(dist, "index.html");
  sendRange(req, res, readFileSync(found), TYPES[extname(found)] ?? "application/octet-stream");
}

function sendRange(req, res, body, type) {
  const range = /bytes=(\d+)-(\d*)/.exec(req.headers.range ?? "");
  res.setHeader("Content-Type", type).setHeader("Accept-Ranges", "bytes");
  if (!range) return void res.end(body);
  const from = Number(range[1]);
  const to = range[2] ? Number(range[2]) : body.length - 1;
  res.writeHead(206, { "Content-Range": `bytes ${from}-${to}/${body.length}` }).end(body.subarray(from, to + 1));
}

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

function words(text) {
  const out = [...text.matchAll(/\S+/g)].map((m) => ({ s: m.index, n: m[0].length }));
  return out.map((w, i) => ({ ...w, t: (i * SENTENCE_MS) / out.length, d: SENTENCE_MS / out.length }));
}

/** The ear: loud or quiet, by the length of what comes. */
class Ear {
  constructor(session) {
    this.session = session;
    this.utterance = 0;
  }
  start({ mode = "hands_free", format = "pcm_s16le", sample_rate = 16000 }) {
    this.stop();
    this.mode = mode;
    this.rate = sample_rate;
    this.stream = { mode, format, sample_rate, samples: 0, messages: 0, ended: false };
    heard.push(this.stream);
    this.loudMs = this.quietMs = this.words = 0;
    this.speaks = false;
    if (mode === "push_to_talk") this.begin();
    if (!this.session.running) this.session.send("state", { state: "listening", turn: this.session.turn });
  }
  audio(bytes) {
    if (!this.stream) return this.session.send("error", { code: "protocol_error", message: "sound came without `audio_start`", retryable: false });
    if (this.stream.format !== "pcm_s16le") return void this.stream.messages++; /* not decoded */
    const n = bytes.length / 2;
    const ms = (n / this.rate) * 1000;
    let sum = 0;
    for (let i = 0; i < n; i++) sum += (bytes.readInt16LE(2 * i) / 32768) ** 2;
    const loud = Math.sqrt(sum / n) > LOUD_RMS;
    this.stream.samples += n;
    this.stream.messages++;
    this.loudMs = loud ? this.loudMs + ms : this.speaks ? this.loudMs : 0;
    this.quietMs = loud ? 0 : this.quietMs + ms;
    if (!this.speaks && this.loudMs >= 200) this.begin();
    if (this.speaks) this.partial(Math.floor(this.loudMs / 300));
    if (this.speaks && this.mode === "hands_free" && this.quietMs >= 500) this.end();
  }
  begin() {
    this.speaks = true;
    this.session.send("vad", { speech: true, utterance: ++this.utterance, at_ms: 0 });
    this.session.interrupt("speech");
  }
  partial(words) {
    const all = this.text().split(" ");
    if (words <= this.words || this.words >= all.length) return;
    this.words = words;
    this.session.send("asr_partial", { utterance: this.utterance, text: all.slice(0, words).join(" "), lang: "en", final: false });
  }
  text() {
    return SPOKEN[(this.utterance - 1) % SPOKEN.length];
  }
  end() {
    const text = this.loudMs >= 200 ? this.text() : "";
    this.speaks = false;
    this.loudMs = this.words = 0;
    this.session.send("vad", { speech: false, utterance: this.utterance, at_ms: 0 });
    this.session.send("asr_result", { utterance: this.utterance, text, lang: "en", confidence: 0.9, final: true, engine: "mock-asr", duration_ms: 900, endpoint_ms: 500, asr_ms: 20, cut: false });
    if (text) this.session.ask(text, true);
  }
  stop() {
    if (!this.stream) return;
    this.stream.ended = true;
    this.stream = null;
    if (this.speaks) this.end();
  }
}

class Session {
  constructor(socket, id) {
    this.socket = socket;
    this.id = id;
    this.turn = 0;
    this.running = null;
    this.prefs = { language: "auto", avatar: "one", voice: "", delivery: "stream" };
    this.ear = new Ear(this);
    socket.on("message", (data, binary) => (binary ? this.ear.audio(data) : this.message(JSON.parse(String(data)))));
    socket.on("close", () => (this.running = null));
  }
  send(type, data) {
    this.socket.send(JSON.stringify({ type, data }));
  }
  message({ type, data = {} }) {
    if (type === "ping") this.send("pong", data);
    if (type === "hello" || type === "config") {
      this.prefs = { ...this.prefs, ...Object.fromEntries(Object.entries(data).filter(([, v]) => v !== "")) };
      this.send("session_ready", { session_id: this.id, version: "mock", ...this.prefs, width: 512, height: 512, fps: 25, engines: { llm: "mock", tts: "mock", lipsync: "mock", avatar: "mock" }, listen: LISTEN });
    }
    if (type === "hello") this.converse(data);
    if (type === "audio_start") this.ear.start(data);
    if (type === "audio_end") {
      this.ear.stop();
      if (!this.running) this.rest();
    }
    if (type === "interrupt" && !this.interrupt("request")) this.send("interrupted", { turn: null, reason: "request" });
    if (type === "text") this.ask(String(data.text), false, data.idle_ms);
    if (type === "say") this.ask(this.prefs.voice === "cmn" ? "fail" : "short", false, data.idle_ms, true);
  }
  converse({ client, conversation }) {
    this.client = client;
    this.kept = client && conversation ? memory.find(client, conversation) : undefined;
    if (this.kept) this.send("conversation", { id: this.kept.id, title: this.kept.title, messages: this.kept.messages });
    else if (client && conversation && conversation !== "new") this.send("error", { code: "not_found", message: "There is no such conversation; a new one begins.", retryable: false });
  }
  /** The first question of a new conversation begins it. */
  keepQuestion(text, turn) {
    if (!this.client) return;
    if (!this.kept) {
      this.kept = memory.begin(this.client, text);
      this.send("conversation", { id: this.kept.id, title: this.kept.title, messages: [] });
    }
    memory.add(this.kept, "user", text, turn);
  }
  keepAnswer(text, turn, interrupted = false) {
    if (this.kept) memory.add(this.kept, "assistant", text, turn, interrupted);
  }
  rest() {
    this.send("state", { state: this.ear.stream ? "listening" : "idle", turn: this.turn });
  }
  interrupt(reason) {
    if (!this.running) return false;
    this.send("interrupted", { turn: this.running, reason });
    this.keepAnswer(SENTENCES[0].trim(), this.running, true);
    this.running = null;
    this.rest();
    return true;
  }
  ask(text, spoken, idleMs = 0, said = false) {
    this.interrupt("question");
    if (!said) this.keepQuestion(text, this.turn + 1);
    void this.run(++this.turn, text, idleMs, spoken).catch(() => this.socket.terminate());
  }
  /** Delivery `clip`: the first sentence as one file. Gives the number of fragments that are left to be sent. */
  clip(turn, count) {
    const bytes = Buffer.concat([init, ...fragments.slice(0, count)]);
    this.send("video_chunk_meta", { turn, seq: 0, chunk: 0, text: SENTENCES[0], size: bytes.length, mime: "video/mp4", codecs: "avc1.42C01E, mp4a.40.2", init: true, first: true, last: true, start_ms: 0, duration_ms: SENTENCE_MS, idle_ms: 0 });
    this.socket.send(bytes);
    return 0;
  }
  async run(turn, text, idleMs, spoken) {
    const verb = text.split(" ")[0];
    const start = Date.now();
    const parts = fragments.slice(0, ["short", "plain", "rich", "think"].includes(verb) ? SENTENCE_MS / FRAGMENT_MS : undefined);
    const live = () => this.running === turn && this.socket.readyState === 1;
    this.running = turn;
    this.send("state", { state: "thinking", turn });
    if (verb === "fail") {
      this.send("error", { code: "llm_failed", message: "The language model did not answer; try again.", retryable: true, turn });
      this.running = null;
      this.send("turn_done", { turn, marks: {} });
      return this.rest();
    }
    if (verb === "empty") {
      this.running = null;
      this.send("text_done", { turn, text: "" });
      this.send("turn_done", { turn, marks: {} });
      return this.rest();
    }
    if (verb === "half") {
      this.send("text_chunk", { turn, chunk: SENTENCES[0] });
      this.send("error", { code: "network", message: "The language model broke off; try again.", retryable: true, turn });
      this.running = null;
      this.send("turn_done", { turn, marks: {} });
      return this.rest();
    }
    if (verb === "degrade") this.send("degraded", { stage: "tts", from: "edge", to: "flite", reason: "time-out" });
    const answer = verb === "rich" ? RICH : verb === "think" ? `${THOUGHT}\n\n${SENTENCES[0]}` : SENTENCES.join("");
    for (const piece of answer.split(/(?<=[ \n])/)) this.send("text_chunk", { turn, chunk: piece }), await wait(verb === "think" ? 60 : 10);
    this.send("text_done", { turn, text: answer });
    if (!live()) return;
    this.send("state", { state: "speaking", turn });
    const perSentence = SENTENCE_MS / FRAGMENT_MS;
    if (this.prefs.delivery === "clip") parts.length = this.clip(turn, perSentence);
    for (let i = 0; i < parts.length && live(); i++) {
      const seq = Math.min(Math.floor(i / perSentence), SENTENCES.length - 1);
      const first = i === seq * perSentence;
      const atMs = i * FRAGMENT_MS;
      if (first) this.send("sentence", { turn, seq, text: SENTENCES[seq].trim(), start_ms: atMs, duration_ms: SENTENCE_MS, words: verb === "plain" ? [] : words(SENTENCES[seq].trim()) });
      if (verb === "slow" && i === perSentence) await wait(SENTENCE_MS + 1500);
      if (verb === "drop" && i === 4) return this.socket.terminate();
      if (!live()) return;
      const bytes = i === 0 ? Buffer.concat([init, fragments[0]]) : fragments[i];
      this.send("video_chunk_meta", { turn, seq, chunk: i, text: first ? SENTENCES[seq] : undefined, size: bytes.length, mime: "video/mp4", codecs: "avc1.42C01E, mp4a.40.2", init: i === 0, first, last: i % perSentence === perSentence - 1, start_ms: atMs, duration_ms: FRAGMENT_MS, idle_ms: (idleMs + atMs + FRAGMENT_MS) % IDLE_MS });
      this.socket.send(bytes);
      if (i >= 2) await wait(FRAGMENT_MS - 5);
    }
    if (!live()) return;
    this.running = null;
    this.keepAnswer(answer, turn);
    this.send("turn_done", { turn, marks: { endpoint: spoken ? 500 : null, asr_final: spoken ? 520 : null, first_token: 4, first_sentence: 9, first_audio: 15, first_frame: 18, first_fragment: 24, done: Date.now() - start } });
    this.rest();
  }
}

const http = createServer(serve);
new WebSocketServer({ server: http }).on("connection", (socket, req) => new Session(socket, req.url.split("/").pop()));
http.listen(port, "127.0.0.1", () => console.log(`listening on ${http.address().port}`));
