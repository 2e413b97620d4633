/** Numbers as people read them; `language` is a BCP 47 tag. Not a number: a dash. */
export const NOTHING = "–";

const known = (v: number | null | undefined): v is number => typeof v === "number" && Number.isFinite(v);

const formats = new Map<string, Intl.NumberFormat>();
function numberFormat(language: string, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = language + JSON.stringify(options);
  let format = formats.get(key);
  if (!format) formats.set(key, (format = new Intl.NumberFormat(language, options)));
  return format;
}

/** At most `digits` behind the point, fewer the larger the number is. */
export function formatNumber(value: number | null | undefined, language: string, digits = 1): string {
  if (!known(value)) return NOTHING;
  const size = Math.abs(value);
  return numberFormat(language, { maximumFractionDigits: size >= 100 ? 0 : size >= 10 ? Math.min(digits, 1) : digits }).format(value);
}

const UNITS = ["B", "KB", "MB", "GB", "TB"];
export function formatBytes(value: number | null | undefined, language: string): string {
  if (!known(value)) return NOTHING;
  let [size, unit] = [value, 0];
  while (Math.abs(size) >= 1024 && unit < UNITS.length - 1) [size, unit] = [size / 1024, unit + 1];
  return `${formatNumber(size, language, unit ? 1 : 0)} ${UNITS[unit]}`;
}

export function formatMs(value: number | null | undefined, language: string): string {
  if (!known(value)) return NOTHING;
  if (Math.abs(value) < 1000) return `${formatNumber(value, language, Math.abs(value) < 10 ? 1 : 0)} ms`;
  return `${formatNumber(value / 1000, language, 2)} s`;
}

/** The two largest units of a span: "2d 3h", "5m 10s". */
export function formatSpan(ms: number | null | undefined, language: string): string {
  if (!known(ms)) return NOTHING;
  const s = Math.max(0, Math.floor(ms / 1000));
  const parts: [number, string][] = [[Math.floor(s / 86400), "day"], [Math.floor(s / 3600) % 24, "hour"], [Math.floor(s / 60) % 60, "minute"], [s % 60, "second"]];
  const first = parts.findIndex(([n]) => n > 0);
  const shown = first < 0 ? parts.slice(-1) : parts.slice(first, first + 2).filter(([n], i) => i === 0 || n > 0);
  return shown.map(([n, unit]) => numberFormat(language, { style: "unit", unit, unitDisplay: "narrow" }).format(n)).join(" ");
}

export function formatTime(ms: number, language: string, withMs = false): string {
  const date = new Date(ms);
  const time = date.toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
  return withMs ? `${time}.${String(date.getMilliseconds()).padStart(3, "0")}` : time;
}

/** Ids are long; their beginnings differ. */
export const shortId = (id: string) => (id.length > 10 ? `${id.slice(0, 8)}…` : id);

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}
