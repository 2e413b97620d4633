/** Longer history from a Prometheus server, and the server's own metrics in its text format. */
import { LINES, type Line, type Lines, type Point } from "./series";

const p = "avatar_chat_";
/** Over all servers that Prometheus scrapes. `w` is the window of a rate. */
export const QUERIES: Record<Line, (w: string) => string> = {
  sessions: () => `sum(${p}sessions)`,
  talking: () => `sum(${p}sessions_talking)`,
  turns_per_min: (w) => `60 * sum(rate(${p}turns_total[${w}]))`,
  first_fragment_p50: (w) => `1000 * histogram_quantile(0.5, sum by (le) (rate(${p}turn_mark_seconds_bucket{mark="first_fragment"}[${w}])))`,
  rss_bytes: () => `sum(process_resident_memory_bytes and on (instance, job) ${p}sessions)`,
  cpu: (w) => `sum(rate(process_cpu_seconds_total[${w}]) and on (instance, job) ${p}sessions)`,
  loop_p99: (w) => `1000 * histogram_quantile(0.99, sum by (le) (rate(${p}event_loop_delay_seconds_bucket[${w}])))`,
  bytes_in: (w) => `sum(rate(${p}bytes_total{direction="in"}[${w}]))`,
  bytes_out: (w) => `sum(rate(${p}bytes_total{direction="out"}[${w}]))`,
  late_frames: (w) => `sum(rate(${p}frames_total{result="late"}[${w}]))`,
};

export const RANGES = { "1h": 3600, "6h": 6 * 3600, "24h": 86400, "7d": 7 * 86400 } as const;
export type Range = keyof typeof RANGES;

/** A path on this server ("/prometheus") or an address; "" where it is neither. */
export function prometheusBase(text: string): string {
  const base = text.trim().replace(/\/+$/, "").replace(/\/api\/v1$/, "");
  if (/^\/[\w./~-]+$/.test(base) && !base.startsWith("//")) return base;
  try {
    const url = new URL(base);
    return /^https?:$/.test(url.protocol) && !url.username && !url.search && !url.hash ? base : "";
  } catch {
    return "";
  }
}

/** About 240 points: as many as a chart shows, and no finer than servers are usually scraped. */
export const stepOf = (seconds: number) => Math.max(15, Math.ceil(seconds / 240));

interface Answer {
  status: string;
  error?: string;
  data?: { result?: { values?: [number, string][] }[] };
}

/** The first line of the answer; values that are no numbers (no turn in the window) are left out. */
export function pointsOf(answer: Answer): Point[] {
  if (answer.status !== "success") throw new Error(answer.error ?? "Prometheus: no success");
  const values = answer.data?.result?.[0]?.values ?? [];
  return values.map(([t, v]): Point => [t * 1000, Number(v)]).filter(([, v]) => Number.isFinite(v));
}

export async function queryLines(base: string, seconds: number, signal?: AbortSignal, nowS = Math.floor(Date.now() / 1000)): Promise<Lines> {
  const step = stepOf(seconds);
  const window = `${Math.max(60, 4 * step)}s`;
  const one = async (line: Line) => {
    const query = new URLSearchParams({ query: QUERIES[line](window), start: String(nowS - seconds), end: String(nowS), step: String(step) });
    /* The admin token is not for Prometheus. */
    const response = await fetch(`${base}/api/v1/query_range?${query}`, { signal, cache: "no-store" });
    const answer: Answer | null = await response.json().catch(() => null);
    if (!answer?.status) throw new Error(`${base}: HTTP ${response.status}`);
    return pointsOf(answer);
  };
  const all = await Promise.all(LINES.map(one));
  return Object.fromEntries(LINES.map((line, i) => [line, all[i]])) as Lines;
}

/** The rows of one metric: what its label `label` says, and the value. */
export function rowsOf(text: string, metric: string, label: string): Map<string, number> {
  const out = new Map<string, number>();
  for (const row of text.split("\n")) {
    const hit = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(row);
    if (!hit || hit[1] !== metric) continue;
    const value = new RegExp(`(?:^|,)${label}="((?:[^"\\\\]|\\\\.)*)"`).exec(hit[2] ?? "")?.[1];
    if (value !== undefined) out.set(value.replace(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c)), Number(hit[3]));
  }
  return out;
}
