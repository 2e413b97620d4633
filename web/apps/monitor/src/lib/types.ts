/** What the server tells those who look after it (docs/protocol.md). Times: *_ms Unix or spans in milliseconds, *_s seconds. */
export const MARKS = ["endpoint", "asr_final", "first_token", "first_sentence", "first_audio", "first_frame", "first_fragment", "done"] as const;
export type Mark = (typeof MARKS)[number];

export const SESSION_STATES = ["speaking", "thinking", "listening", "idle", "detached"] as const;
export type SessionState = (typeof SESSION_STATES)[number];

export interface Memory {
  rss_bytes: number;
  soft_bytes: number;
  hard_bytes: number;
  state: "ok" | "soft" | "hard";
}

export interface Percentiles {
  p50: number;
  p90: number;
  p99: number;
  n: number;
}

export interface HistorySample {
  t_ms: number;
  talking: number;
  sessions: number;
  rss_bytes: number;
  cpu: number;
  turns_per_min: number;
  first_fragment_p50: number;
}

export interface Model {
  engine: string;
  open: boolean;
  users: number;
  idle_s: number;
  loads: number;
  /** Why it cannot be opened. */
  error?: string;
}

export interface Snapshot {
  at_ms: number;
  uptime_s: number;
  version: string;
  sessions: number;
  talking: number;
  queue: number;
  limits: { max_sessions: number; max_talking: number };
  turns: { total: number; done: number; interrupted: number; failed: number };
  errors: Record<string, number>;
  degraded: { stage: string; from: string; to: string; n: number }[];
  latency: Partial<Record<Mark, Percentiles>>;
  frames: { rendered: number; late: number; dropped: number };
  bytes: { in: number; out: number };
  rss_bytes: number;
  cpu_s: number;
  cores: number;
  loop_delay_ms: { p50: number; p99: number; max: number };
  queues: { name: string; depth: number; dropped: number }[];
  models: Model[];
  memory: Memory;
  history: HistorySample[];
  draining: boolean;
}

export interface SessionInfo {
  id: string;
  state: SessionState;
  opened_ms: number;
  idle_ms: number;
  turn: number;
  turns: number;
  language: string;
  avatar: string;
  voice: string;
  address: string;
  bytes_out: number;
  frames: number;
  late_frames: number;
  fps: number;
  history: number;
}

export interface TurnInfo {
  turn: number;
  question_chars: number;
  started_ms: number;
  marks: Partial<Record<Mark, number | null>>;
  result: "running" | "done" | "interrupted" | "failed";
}

export interface SessionDetail extends SessionInfo {
  timeline: TurnInfo[];
}

export interface SessionList {
  sessions: SessionInfo[];
  queue: { id: string; waiting_ms: number }[];
}

export const LEVELS = ["error", "warn", "info", "debug"] as const;
export type Level = (typeof LEVELS)[number];

export interface LogLine {
  seq: number;
  at_ms: number;
  level: Level;
  component: string;
  event: string;
  fields: Record<string, unknown>;
  /** The fields as logfmt. */
  text: string;
}

export interface ConfigOption {
  path: string;
  value: unknown;
  default: unknown;
  origin: string;
  where: string;
  runtime: boolean;
  secret: boolean;
  type: string;
  help: string;
  min?: number;
  max?: number;
  choices?: string[];
}
