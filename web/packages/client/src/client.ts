/**
 * AvatarClient: one conversation over a WebSocket.
 *
 * It speaks docs/protocol.md: typed messages out and in, each `video_chunk_meta` paired with the binary frame behind it, a
 * `ping` when the line is quiet, and reconnection with exponential back-off and jitter to the same session, by the token
 * that session_ready gave. It plays nothing; AvatarPlayer does.
 */
import { Emitter } from "./emitter";
import { SERVER_MESSAGES, type AudioStart, type Chunk, type ChunkMeta, type PastConversation, type Prefs, type ServerMessages } from "./protocol";

/** `connecting`: first attempt under way. `lost`: was or will be connected, waiting for the next attempt or in it. `closed`: by close(), or the session went on elsewhere. */
export type ConnectionStatus = "connecting" | "connected" | "lost" | "closed";

export interface ConnectionEvent {
  status: ConnectionStatus;
  /** Milliseconds until the next attempt; 0 while an attempt runs. */
  retryInMs: number;
  attempt: number;
  /** Why the last socket closed, where it is known. */
  closeCode?: number;
  reason?: string;
  /** The socket closed before it opened: nobody there, or refused (a browser does not tell which, or why). */
  refused?: boolean;
}

export interface ClientEvents extends ServerMessages {
  connection: ConnectionEvent;
  chunk: Chunk;
  /** The conversation that was to go on is not there any more, or (`message`) cannot be read: the next question begins another. */
  conversation_gone: { id: string; message: string };
  /** The server broke the protocol; the message was dropped. */
  protocol_error: { message: string };
}

export interface ClientOptions {
  /** ws(s)://host/ws ; the session id is added as a path element. */
  url: string;
  sessionId?: string;
  prefs?: Prefs;
  /** This browser's own, unguessable name, 16 to 64 of `A-Z a-z 0-9 _ -`: with it the server keeps the conversations. */
  client?: string;
  /** The conversation to go on with. */
  conversation?: string;
  /** Where the server wants one; a function is asked at each attempt. */
  token?: string | (() => string);
  WebSocket?: typeof WebSocket;
  backoff?: { firstMs?: number; maxMs?: number; factor?: number };
  /** Quiet time after which a ping goes out, and time for its answer. */
  pingMs?: number;
  pongMs?: number;
  /** Time for the server's session_ready after the start of an attempt. */
  openMs?: number;
  random?: () => number;
}

const OPEN = 1;
/** Some seconds of sound. */
const MAX_WAITING_BYTES = 256 * 1024;

function withIdle(data: object, idleMs: number | undefined): object {
  return idleMs === undefined ? data : { ...data, idle_ms: Math.round(idleMs) };
}
/** The server's rules were broken: before it was ready, the session is not ours to take. */
const NOT_OURS = 1008;
/** The session id has connected elsewhere; coming back would only take the place away again. */
const TAKEN_OVER = 4001;

function randomName(bytes: number): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (b) => b.toString(16).padStart(2, "0")).join("");
}

export const newSessionId = (): string => randomName(12);
/** For `client`; keep it where it outlives the page. */
export const newClientName = (): string => randomName(20);

/** Codes of `error` by which a server says so; whatever else is wrong meanwhile has others. */
const CANNOT_GO_ON: ReadonlySet<string> = new Set(["not_found", "timed_out", "io_error", "busy"]);

export class AvatarClient extends Emitter<ClientEvents> {
  sessionId: string;
  status: ConnectionStatus = "closed";
  private socket: WebSocket | null = null;
  /** Id of the conversation that goes on, also after a reconnect; empty: the next question begins one. */
  conversation = "";
  private prefs: Prefs;
  /** The conversation that the server has been asked for and has not given yet. */
  private asked = "";
  /** Asked for, but another was wished before the answer came. */
  private overtaken = new Set<string>();
  private pendingMeta: ChunkMeta | null = null;
  private attempt = 0;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private openTimer: ReturnType<typeof setTimeout> | undefined;
  private pingTimer: ReturnType<typeof setInterval> | undefined;
  private lastHeard = 0;
  private pingedAt = 0;
  private wanted = false;
  /** This attempt's socket has been open. */
  private opened = false;
  /** Proves that the session is ours when the connection was lost. */
  private resumeToken = "";

  constructor(private readonly options: ClientOptions) {
    super();
    this.sessionId = options.sessionId ?? newSessionId();
    this.prefs = { ...options.prefs };
    this.conversation = options.conversation ?? "";
  }

  connect(): void {
    if (this.wanted) return;
    this.wanted = true;
    this.attempt = 0;
    this.open("connecting");
    if (typeof window !== "undefined") window.addEventListener("online", this.retryNow);
  }

  /** Ends the conversation for good (connect() begins it again). */
  close(): void {
    this.wanted = false;
    if (typeof window !== "undefined") window.removeEventListener("online", this.retryNow);
    this.dropSocket(1000);
    clearTimeout(this.retryTimer);
    this.setStatus({ status: "closed", retryInMs: 0, attempt: this.attempt });
  }

  /** Skips the wait for the next attempt. */
  readonly retryNow = (): void => {
    if (!this.wanted || this.socket) return;
    clearTimeout(this.retryTimer);
    this.open("lost");
  };

  /* Each gives false when there is no connection: nothing is sent or kept. */

  text(text: string, idleMs?: number): boolean {
    return this.send("text", withIdle({ text }, idleMs));
  }

  say(text: string, idleMs?: number): boolean {
    return this.send("say", withIdle({ text }, idleMs));
  }

  interrupt(): boolean {
    return this.send("interrupt", {});
  }

  /** Other choices, from the next turn on; kept and said again after a reconnect. */
  config(prefs: Prefs): boolean {
    this.prefs = { ...this.prefs, ...prefs };
    return this.send("config", prefs);
  }

  /** Goes on with another conversation, `new` or one by its id, at once or when connected. A running turn should be interrupted first. */
  converse(id: string): boolean {
    this.conversation = id === "new" ? "" : id;
    return this.send("hello", this.greeting(id));
  }

  playback(turn: number, heardMs: number, idleMs?: number): boolean {
    return this.send("playback", withIdle({ turn, heard_ms: Math.round(heardMs) }, idleMs));
  }

  /** The microphone is on: audio() follows. */
  audioStart(stream: AudioStart, idleMs?: number): boolean {
    return this.send("audio_start", withIdle(stream, idleMs));
  }

  /** False, too, when so much waits to be sent that sound would come too late. */
  audio(bytes: ArrayBuffer): boolean {
    if (this.status !== "connected" || this.socket?.readyState !== OPEN || this.socket.bufferedAmount > MAX_WAITING_BYTES) return false;
    this.socket.send(bytes);
    return true;
  }

  audioEnd(): boolean {
    return this.send("audio_end", {});
  }

  ping(data: Record<string, unknown> = {}): boolean {
    return this.send("ping", data);
  }

  private greeting(conversation: string): object {
    const { client } = this.options;
    if (!client) return this.prefs;
    if (this.asked) this.overtaken.add(this.asked);
    this.asked = conversation === "new" ? "" : conversation;
    return { ...this.prefs, client, ...(conversation ? { conversation } : {}) };
  }

  private send(type: string, data: object): boolean {
    if (this.status !== "connected" || this.socket?.readyState !== OPEN) return false;
    this.socket.send(JSON.stringify({ type, data }));
    return true;
  }

  private setStatus(event: ConnectionEvent): void {
    this.status = event.status;
    this.emit("connection", event);
  }

  private open(status: ConnectionStatus): void {
    const Socket = this.options.WebSocket ?? WebSocket;
    this.attempt++;
    this.setStatus({ status, retryInMs: 0, attempt: this.attempt });
    this.opened = false;
    const query = this.tokenQuery();
    let socket: WebSocket;
    try {
      socket = new Socket(`${this.options.url.replace(/\/$/, "")}/${this.sessionId}${query}`);
    } catch (e) {
      /* Browsers say the address; the token is to be in no message. */
      this.lost(undefined, String(e).replace(query, ""));
      return;
    }
    this.socket = socket;
    this.pendingMeta = null;
    this.asked = "";
    this.overtaken.clear();
    socket.binaryType = "arraybuffer";
    const resume = this.resumeToken ? { resume: this.resumeToken } : {};
    socket.onopen = () => {
      this.opened = true;
      socket.send(JSON.stringify({ type: "hello", data: { ...this.greeting(this.conversation), ...resume } }));
    };
    socket.onmessage = (e: MessageEvent) => this.onMessage(e.data);
    socket.onclose = (e: CloseEvent) => this.lost(e.code, e.reason);
    this.openTimer = setTimeout(() => this.fail("the server did not answer"), this.options.openMs ?? 10_000);
    this.lastHeard = Date.now();
    this.pingedAt = 0;
    this.pingTimer = setInterval(() => this.watch(), 1000);
  }

  private tokenQuery(): string {
    const { token } = this.options;
    const value = typeof token === "function" ? token() : token;
    return value ? `?token=${encodeURIComponent(value)}` : "";
  }

  /** Sends a ping after quiet; gives the socket up when the answer stays out. */
  private watch(): void {
    const now = Date.now();
    if (this.status !== "connected") return;
    if (this.pingedAt > this.lastHeard) {
      if (now - this.pingedAt >= (this.options.pongMs ?? 10_000)) this.fail("the connection went silent");
    } else if (now - this.lastHeard >= (this.options.pingMs ?? 20_000)) {
      this.pingedAt = now;
      this.ping();
    }
  }

  private fail(reason: string): void {
    this.dropSocket(4000);
    this.lost(undefined, reason);
  }

  private dropSocket(code: number): void {
    clearTimeout(this.openTimer);
    clearInterval(this.pingTimer);
    const socket = this.socket;
    this.socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(code);
  }

  private lost(closeCode: number | undefined, reason: string): void {
    clearTimeout(this.openTimer);
    clearInterval(this.pingTimer);
    this.socket = null;
    this.pendingMeta = null;
    if (!this.wanted) return;
    if (closeCode === TAKEN_OVER) {
      this.wanted = false;
      if (typeof window !== "undefined") window.removeEventListener("online", this.retryNow);
      return this.setStatus({ status: "closed", retryInMs: 0, attempt: this.attempt, closeCode, reason });
    }
    if (closeCode === NOT_OURS) {
      this.sessionId = newSessionId();
      this.resumeToken = "";
    }
    const { firstMs = 500, maxMs = 15_000, factor = 2 } = this.options.backoff ?? {};
    /* A full server (1013) asks for more patience. */
    const base = Math.min(maxMs, Math.max(closeCode === 1013 ? 3000 : 0, firstMs * factor ** Math.min(this.attempt, 16)));
    const retryInMs = Math.round(base * (0.5 + 0.5 * (this.options.random ?? Math.random)()));
    this.retryTimer = setTimeout(this.retryNow, retryInMs);
    const refused = closeCode !== undefined && !this.opened;
    this.setStatus({ status: "lost", retryInMs, attempt: this.attempt, closeCode, reason, refused });
  }

  private onMessage(data: string | ArrayBuffer): void {
    this.lastHeard = Date.now();
    if (typeof data === "string") this.onText(data);
    else this.onBinary(data);
  }

  private onBinary(bytes: ArrayBuffer): void {
    const meta = this.pendingMeta;
    this.pendingMeta = null;
    if (!meta) return this.emit("protocol_error", { message: `binary frame of ${bytes.byteLength} bytes without its meta` });
    if (meta.size !== bytes.byteLength)
      return this.emit("protocol_error", { message: `chunk ${meta.chunk}: ${bytes.byteLength} bytes, announced ${meta.size}` });
    this.emit("chunk", { meta, bytes });
  }

  private onText(text: string): void {
    if (this.pendingMeta) {
      this.emit("protocol_error", { message: `chunk ${this.pendingMeta.chunk}: no binary frame behind its meta` });
      this.pendingMeta = null;
    }
    let message: { type?: string; data?: unknown };
    try {
      message = JSON.parse(text);
    } catch {
      return this.emit("protocol_error", { message: "not JSON" });
    }
    const { type, data = {} } = message;
    if (type === "video_chunk_meta") {
      this.pendingMeta = data as ChunkMeta;
      return;
    }
    if (type === "session_ready") this.ready(data as ServerMessages["session_ready"]);
    if (type === "conversation" && !this.converses(data as PastConversation)) return;
    if (type === "error" && this.isGone(data as ServerMessages["error"])) return;
    if (type && SERVER_MESSAGES.has(type)) this.emit(type as keyof ServerMessages, data as never);
  }

  /** False: the answer to a wish that has been overtaken. */
  private converses({ id }: PastConversation): boolean {
    if (id !== this.asked && (this.asked || this.overtaken.delete(id))) return false;
    this.asked = "";
    this.conversation = id;
    return true;
  }

  private isGone({ code, message, turn }: ServerMessages["error"]): boolean {
    if (!this.asked || turn !== undefined || !CANNOT_GO_ON.has(code)) return false;
    const id = this.asked;
    this.asked = this.conversation = "";
    this.emit("conversation_gone", { id, message: code === "not_found" ? "" : message });
    return true;
  }

  private ready({ resume_token = "" }: ServerMessages["session_ready"]): void {
    this.resumeToken = resume_token;
    clearTimeout(this.openTimer);
    if (this.status === "connected") return;
    this.attempt = 0;
    this.setStatus({ status: "connected", retryInMs: 0, attempt: 0 });
  }
}
