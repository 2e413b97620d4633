/**
 * Options for ECharts. They are merged into what a chart shows: series keep their ids, and their number stays the same from one
 * update to the next, so that a chart that runs for days does not grow.
 */
import type { EChartsCoreOption } from "echarts/core";
import { escapeHtml, formatTime } from "./format";
import type { Point } from "./series";
import { MARKS, type Mark, type TurnInfo } from "./types";
import { steps } from "./waterfall";

export interface Look {
  dark: boolean;
  language: string;
}

export const palette = (dark: boolean) =>
  dark
    ? { text: "#e6e9ea", muted: "#9aa5a9", line: "#2c3338", surface: "#262c31", accent: "#58b4b8", blue: "#7fa8f0", amber: "#e6b35a", red: "#ef7a72", violet: "#b79cf0", green: "#6fcf97" }
    : { text: "#1d2528", muted: "#5d686b", line: "#dfe2e0", surface: "#ffffff", accent: "#1f6f78", blue: "#3c68c4", amber: "#b87a08", red: "#c2413a", violet: "#7a55c7", green: "#2e8b57" };

/** One colour a mark, distinct from its neighbours in light and in dark. */
export const MARK_COLOURS: Record<Mark, [light: string, dark: string]> = {
  endpoint: ["#8a949a", "#77838a"],
  asr_final: ["#3c68c4", "#7fa8f0"],
  first_token: ["#7a55c7", "#b79cf0"],
  first_sentence: ["#b0469a", "#e08fd0"],
  first_audio: ["#c2413a", "#ef7a72"],
  first_frame: ["#c98a12", "#e6b35a"],
  first_fragment: ["#2e8b57", "#6fcf97"],
  done: ["#c3d7d9", "#2f5558"],
};
export const markColour = (mark: Mark, dark: boolean) => MARK_COLOURS[mark][dark ? 1 : 0];

function frame({ dark }: Look): EChartsCoreOption {
  const c = palette(dark);
  return {
    animation: false,
    textStyle: { color: c.muted, fontFamily: "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Noto Sans CJK SC', sans-serif" },
    legend: { top: 0, left: 0, icon: "roundRect", itemWidth: 12, itemHeight: 8, itemGap: 14, textStyle: { color: c.muted }, inactiveColor: c.line },
    tooltip: { confine: true, backgroundColor: c.surface, borderColor: c.line, textStyle: { color: c.text, fontSize: 13 } },
  };
}

export interface LineSeries {
  id: string;
  name: string;
  points: readonly Point[];
  colour: string;
  area?: boolean;
  /** On the axis at the right. */
  right?: boolean;
}

export interface LineChart {
  series: LineSeries[];
  from: number;
  to: number;
  format: (value: number) => string;
  /** Of the axis at the right. */
  formatRight?: (value: number) => string;
  /** Horizontal lines: limits. */
  limits?: { name: string; value: number; colour: string }[];
  /** Values are counts: no axis label between two of them. */
  whole?: boolean;
  /** Values are bytes: the axis counts in powers of two. */
  binary?: boolean;
}

/** About four steps of 1, 2, 4 … 512 of a unit of bytes up to `most`. */
export const binaryStep = (most: number) => 2 ** Math.ceil(Math.log2(Math.max(most, 4) / 4));

/** A day and more is told with its date. */
const timeLabel = (from: number, to: number, language: string) => (value: number) =>
  to - from > 20 * 3600_000
    ? new Date(value).toLocaleString(language, { month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit", hour12: false })
    : formatTime(value, language).slice(0, 5);

/** Where points are further apart than this, the line is broken: nobody knows what was between. */
export function withGaps(points: readonly Point[], longest: number): (Point | [number, null])[] {
  const out: (Point | [number, null])[] = [];
  points.forEach((p, i) => {
    if (i > 0 && p[0] - points[i - 1][0] > longest) out.push([points[i - 1][0] + 1, null]);
    out.push(p);
  });
  return out;
}

export function lineChart(chart: LineChart, look: Look): EChartsCoreOption {
  const c = palette(look.dark);
  const { format, formatRight = format, from, to } = chart;
  const gap = Math.max(30_000, (to - from) / 30);
  const axis = (right: boolean) => ({
    type: "value",
    min: 0,
    position: right ? "right" : "left",
    ...(chart.whole && !right ? { minInterval: 1 } : {}),
    splitNumber: 4,
    axisLabel: { color: c.muted, formatter: right ? formatRight : format },
    splitLine: { show: !right, lineStyle: { color: c.line } },
  });
  const hasRight = chart.series.some((s) => s.right);
  const limits = chart.limits ?? [];
  /* A limit is in sight only when it is near: else the line itself would lie flat on the ground. */
  const highest = Math.max(0, ...chart.series.flatMap((s) => (s.right ? [] : s.points.map(([, v]) => v))));
  const near = limits.filter((l) => l.value > 0 && l.value < highest * 4);
  const top = 1.05 * Math.max(highest, ...near.map((l) => l.value));
  const step = binaryStep(top);
  const size = chart.binary ? { interval: step, max: Math.ceil(top / step) * step || step } : { interval: null, max: near.length ? top : null };
  const base = frame(look);
  return {
    ...base,
    legend: { ...(base.legend as object), show: chart.series.length > 1 },
    grid: { left: 4, right: hasRight ? 4 : 14, top: chart.series.length > 1 ? 34 : 14, bottom: 2, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    xAxis: { type: "time", min: from, max: to, splitNumber: 4, axisLabel: { color: c.muted, hideOverlap: true, formatter: timeLabel(from, to, look.language) }, axisLine: { lineStyle: { color: c.line } }, axisTick: { show: false } },
    yAxis: [{ ...axis(false), ...size }, ...(hasRight ? [axis(true)] : [])],
    tooltip: {
      ...(base.tooltip as object),
      trigger: "axis",
      axisPointer: { lineStyle: { color: c.muted } },
      formatter: (rows: { seriesIndex: number; value: [number, number | null]; marker: string }[]) => {
        const lines = rows.filter((r) => r.value[1] !== null).map((r) => {
          const s = chart.series[r.seriesIndex];
          return `${r.marker} ${escapeHtml(s.name)} <b>${escapeHtml((s.right ? formatRight : format)(r.value[1]!))}</b>`;
        });
        return lines.length ? [new Date(rows[0].value[0]).toLocaleString(look.language, { hour12: false }), ...lines].join("<br>") : "";
      },
    },
    series: chart.series.map((s, i) => ({
      id: s.id,
      name: s.name,
      type: "line",
      data: withGaps(s.points, gap),
      yAxisIndex: s.right ? 1 : 0,
      showSymbol: s.points.length === 1,
      symbolSize: 4,
      lineStyle: { width: 2, color: s.colour },
      itemStyle: { color: s.colour },
      areaStyle: { color: s.colour, opacity: s.area ? 0.14 : 0 },
      emphasis: { disabled: true },
      markLine: {
        silent: true,
        symbol: "none",
        data: i ? [] : near.map((l, n) => ({ yAxis: l.value, name: l.name, lineStyle: { color: l.colour, type: "dashed" }, label: { formatter: l.name, color: l.colour, position: n % 2 ? "insideEndTop" : "insideStartTop" } })),
      },
    })),
  };
}

/** The turns of a session, one row a turn, the newest at the top, cut at `last`. */
export function waterfallChart(
  turns: readonly TurnInfo[],
  last: Mark,
  words: { mark: (mark: Mark) => string; ms: (value: number) => string; turn: (turn: TurnInfo) => string; end: (turn: TurnInfo) => string; result: (turn: TurnInfo) => string },
  look: Look,
): EChartsCoreOption {
  const c = palette(look.dark);
  const base = frame(look);
  const rows = turns.map((t) => new Map(steps(t.marks, last).map((s) => [s.mark, s])));
  const shown = MARKS.slice(0, MARKS.indexOf(last) + 1);
  const ends = rows.map((r) => Math.max(0, ...[...r.values()].map((s) => s.to)));
  /* What did not end well says so. */
  const label = (i: number) => [...(rows[i].size ? [words.ms(ends[i])] : []), ...(turns[i].result === "done" ? [] : [words.result(turns[i])])].join(" · ");
  return {
    ...base,
    legend: { show: false },
    grid: { left: 4, right: 90, top: 4, bottom: 2, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    xAxis: { type: "value", min: 0, axisLabel: { color: c.muted, formatter: words.ms, hideOverlap: true }, splitLine: { lineStyle: { color: c.line } } },
    yAxis: { type: "category", inverse: true, data: turns.map(words.turn), axisLabel: { color: c.muted }, axisLine: { lineStyle: { color: c.line } }, axisTick: { show: false } },
    tooltip: {
      ...(base.tooltip as object),
      trigger: "axis",
      axisPointer: { type: "shadow" },
      formatter: (hits: { dataIndex: number }[]) => {
        const turn = turns[hits[0]?.dataIndex];
        if (!turn) return "";
        const lines = steps(turn.marks).map(
          (s) => `<span style="color:${markColour(s.mark, look.dark)}">■</span> ${escapeHtml(words.mark(s.mark))} <b>${escapeHtml(words.ms(s.to))}</b> (+${escapeHtml(words.ms(s.to - s.from))})`,
        );
        return [escapeHtml(words.turn(turn)), ...lines, escapeHtml(words.end(turn))].join("<br>");
      },
    },
    series: MARKS.map((mark) => ({
      id: mark,
      name: words.mark(mark),
      type: "bar",
      stack: "turn",
      barMaxWidth: 18,
      itemStyle: { color: markColour(mark, look.dark) },
      emphasis: { disabled: true },
      data: shown.includes(mark) ? rows.map((r) => (r.has(mark) ? r.get(mark)!.to - r.get(mark)!.from : mark === last ? 0 : null)) : [],
      label: { show: mark === last, position: "right", color: c.text, formatter: (p: { dataIndex: number }) => label(p.dataIndex) },
    })),
  };
}

/** Percentiles of each mark, side by side. */
export function latencyChart(
  rows: readonly { mark: Mark; p50: number; p90: number; p99: number }[],
  words: { mark: (mark: Mark) => string; ms: (value: number) => string },
  look: Look,
): EChartsCoreOption {
  const c = palette(look.dark);
  const base = frame(look);
  return {
    ...base,
    grid: { left: 4, right: 14, top: 34, bottom: 2, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    yAxis: { type: "category", inverse: true, data: rows.map((r) => words.mark(r.mark)), axisLabel: { color: c.muted, interval: 0 }, axisLine: { lineStyle: { color: c.line } }, axisTick: { show: false } },
    xAxis: { type: "value", min: 0, splitNumber: 4, axisLabel: { color: c.muted, formatter: words.ms, hideOverlap: true }, splitLine: { lineStyle: { color: c.line } } },
    tooltip: { ...(base.tooltip as object), trigger: "axis", axisPointer: { type: "shadow" }, valueFormatter: (v: number) => words.ms(v) },
    series: (["p50", "p90", "p99"] as const).map((p, i) => ({
      id: p,
      name: p,
      type: "bar",
      barGap: "10%",
      itemStyle: { color: [c.accent, c.amber, c.red][i], borderRadius: [0, 3, 3, 0] },
      data: rows.map((r) => r[p]),
    })),
  };
}
