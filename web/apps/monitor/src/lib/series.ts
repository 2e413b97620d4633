/** Lines of the charts, whether they come from the server's own half hour or from Prometheus. */
import type { HistorySample, Snapshot } from "./types";

export type Point = [t_ms: number, value: number];
export const LINES = ["sessions", "talking", "turns_per_min", "first_fragment_p50", "rss_bytes", "cpu", "loop_p99", "bytes_in", "bytes_out", "late_frames"] as const;
export type Line = (typeof LINES)[number];
export type Lines = Record<Line, Point[]>;

export const HALF_HOUR_MS = 30 * 60_000;
/** The server keeps 360 samples; more are not wanted whatever it sends. */
export const MAX_SAMPLES = 720;

/** What the panel itself works out between two snapshots. */
export interface Rates {
  t_ms: number;
  cpu: number;
  loop_p99: number;
  bytes_in: number;
  bytes_out: number;
  rendered: number;
  late_frames: number;
}
/** Half an hour of one each 2 s. */
export const MAX_RATES = 900;

/** Per second; null: the server was started anew, or no time has passed. */
export function ratesBetween(before: Snapshot, now: Snapshot): Rates | null {
  const s = (now.at_ms - before.at_ms) / 1000;
  if (s <= 0 || now.uptime_s < before.uptime_s) return null;
  const rate = (a: number, b: number) => Math.max(0, (b - a) / s);
  return {
    t_ms: now.at_ms,
    cpu: rate(before.cpu_s, now.cpu_s),
    loop_p99: now.loop_delay_ms.p99,
    bytes_in: rate(before.bytes.in, now.bytes.in),
    bytes_out: rate(before.bytes.out, now.bytes.out),
    rendered: rate(before.frames.rendered, now.frames.rendered),
    late_frames: rate(before.frames.late, now.frames.late),
  };
}

export function ownLines(history: readonly HistorySample[], rates: readonly Rates[]): Lines {
  const samples = history.slice(-MAX_SAMPLES);
  const of = (key: keyof HistorySample): Point[] => samples.map((s) => [s.t_ms, s[key]]);
  const rate = (key: keyof Rates): Point[] => rates.map((r) => [r.t_ms, r[key]]);
  return {
    sessions: of("sessions"),
    talking: of("talking"),
    turns_per_min: of("turns_per_min"),
    /* 0 stands for "no turn". */
    first_fragment_p50: of("first_fragment_p50").filter(([, v]) => v > 0),
    rss_bytes: of("rss_bytes"),
    cpu: of("cpu"),
    loop_p99: rate("loop_p99"),
    bytes_in: rate("bytes_in"),
    bytes_out: rate("bytes_out"),
    late_frames: rate("late_frames"),
  };
}
