/** The messages of docs/protocol.md as types. Server messages are read leniently: unknown types and fields are ignored. */

export type Delivery = "stream" | "clip";
export type TurnState = "idle" | "listening" | "thinking" | "speaking";

/** What a session may choose; fields left out keep the server's defaults. */
export interface Prefs {
  language?: string;
  avatar?: string;
  voice?: string;
  delivery?: Delivery;
  rate?: number;
  pitch?: number;
  /** How sure the server must be that somebody speaks, 0.01…0.99; lower hears more. */
  threshold?: number;
}

export type ListenMode = "hands_free" | "push_to_talk";
export type AudioFormat = "pcm_s16le" | "webm";

export interface AudioStart {
  mode: ListenMode;
  format: AudioFormat;
  sample_rate: number;
}

/** Which engines listen, and in which languages (empty: the engine does not say). */
export interface Listen {
  available: boolean;
  loading: boolean;
  vad: string;
  asr: string;
  languages: string[];
  reason: string;
}

export interface AsrPartial {
  utterance: number;
  text: string;
  lang: string;
}

export interface AsrResult extends AsrPartial {
  confidence: number;
  engine: string;
  duration_ms: number;
  endpoint_ms: number;
  asr_ms: number;
  cut: boolean;
}

export interface Word {
  /** Milliseconds from the sentence's start, and how long. */
  t: number;
  d: number;
  /** First UTF-16 unit in the sentence's text, and how many. */
  s: number;
  n: number;
}

export interface SessionReady {
  session_id: string;
  /** For `hello` on a new connection, so many seconds after this one was lost. */
  resume_token?: string;
  resume_s?: number;
  /** It went on after a lost connection. */
  resumed?: boolean;
  version: string;
  language: string;
  avatar: string;
  voice: string;
  delivery: Delivery;
  width: number;
  height: number;
  fps: number;
  max_text_chars?: number;
  engines: Record<string, string>;
  listen?: Listen;
}

export interface Sentence {
  turn: number;
  seq: number;
  text: string;
  start_ms: number;
  duration_ms: number;
  words: Word[];
}

export interface ChunkMeta {
  turn: number;
  seq: number;
  chunk: number;
  text?: string;
  size: number;
  mime: string;
  codecs: string;
  init: boolean;
  first: boolean;
  last: boolean;
  start_ms: number;
  duration_ms: number;
  idle_ms: number;
}

/** Milliseconds from the question, of a spoken one from the end of speech. */
export interface Marks {
  endpoint?: number | null;
  asr_final?: number | null;
  first_token?: number;
  first_sentence?: number;
  first_audio?: number;
  first_frame?: number;
  first_fragment?: number;
  done?: number;
}

/** A past message; `at_ms` is Unix time. Of an interrupted answer, `text` is what was heard. */
export interface PastMessage {
  role: "user" | "assistant";
  text: string;
  turn: number;
  at_ms: number;
  interrupted?: boolean;
}

export interface PastConversation {
  id: string;
  title: string;
  /** Empty for one that has just begun. */
  messages: PastMessage[];
}

export interface ServerMessages {
  session_ready: SessionReady;
  state: { state: TurnState; turn: number };
  text_chunk: { turn: number; chunk: string };
  text_done: { turn: number; text: string };
  sentence: Sentence;
  turn_done: { turn: number; marks: Marks };
  interrupted: { turn: number | null; reason?: string };
  listen: Listen;
  vad: { speech: boolean; utterance: number; at_ms: number };
  asr_partial: AsrPartial;
  asr_result: AsrResult;
  conversation: PastConversation;
  degraded: { stage: string; from: string; to: string; reason: string };
  error: { code: string; message: string; retryable: boolean; turn?: number };
  pong: unknown;
}

export const SERVER_MESSAGES: ReadonlySet<string> = new Set<keyof ServerMessages>([
  "session_ready", "state", "text_chunk", "text_done", "sentence", "turn_done", "interrupted", "degraded", "error", "pong",
  "listen", "vad", "asr_partial", "asr_result", "conversation",
]);

export interface Chunk {
  meta: ChunkMeta;
  bytes: ArrayBuffer;
}
