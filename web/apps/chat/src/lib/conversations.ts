/** The kept conversations of this browser (`/api/conversations` of docs/protocol.md), and how a list of them is shown. */
import { HttpError, request } from "@avatar-chat/ui";
import { clientName } from "./identity";
import { authorization } from "./token";

export interface ConversationInfo {
  id: string;
  title: string;
  created_ms: number;
  updated_ms: number;
  turns: number;
}

export type ExportFormat = "markdown" | "json";
export type Day = "today" | "yesterday" | "earlier";

export const MAX_TITLE = 120;

const BASE = "/api/conversations";
const at = (id: string) => `${BASE}/${encodeURIComponent(id)}`;
const call = (path: string, init: RequestInit = {}) =>
  request(path, { cache: "no-store", ...init, headers: { ...init.headers, ...authorization(), "X-Client-Id": clientName() } });

/** Whether the server takes the token; throws when it cannot be asked. Anything but 401 is said behind that door, also that nothing is kept. */
export async function isAdmitted(token: string): Promise<boolean> {
  try {
    await request(BASE, { cache: "no-store", headers: { ...authorization(token), "X-Client-Id": clientName() } });
  } catch (e) {
    if (!(e instanceof HttpError) || e.status === 429 || e.status >= 500) throw e;
    return e.status !== 401;
  }
  return true;
}

export const listConversations = async (): Promise<ConversationInfo[]> => (await call(BASE)).json();
export const deleteConversation = (id: string) => call(at(id), { method: "DELETE" });
export const deleteConversations = () => call(BASE, { method: "DELETE" });
export const renameConversation = (id: string, title: string) =>
  call(at(id), { method: "PATCH", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ title }) });

/** A title as a file's name, on any system. */
export function fileName(title: string, format: ExportFormat): string {
  const plain = title.replace(/[\p{Cc}\\/:*?"<>|]+/gu, " ").replace(/\s+/g, " ").replace(/^[\s.]+|[\s.]+$/g, "");
  return `${[...plain].slice(0, 60).join("").trim() || "conversation"}.${format === "json" ? "json" : "md"}`;
}

export async function saveConversation({ id, title }: Pick<ConversationInfo, "id" | "title">, format: ExportFormat): Promise<void> {
  const file = await (await call(`${at(id)}/export?format=${format}`)).blob();
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = fileName(title, format);
  link.click();
  /* Some browsers begin to read it later. */
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function midnight(ms: number): number {
  return new Date(ms).setHours(0, 0, 0, 0);
}

/** By the user's own calendar; what is dated in the future, by another clock, is of today. */
export function dayOf(ms: number, now: number): Day {
  const today = midnight(now);
  if (ms >= today) return "today";
  return ms >= midnight(today - 1) ? "yesterday" : "earlier";
}

export function groupByDay(list: readonly ConversationInfo[], now: number): { day: Day; list: ConversationInfo[] }[] {
  const sorted = [...list].sort((a, b) => b.updated_ms - a.updated_ms);
  return (["today", "yesterday", "earlier"] as const)
    .map((day) => ({ day, list: sorted.filter((c) => dayOf(c.updated_ms, now) === day) }))
    .filter((group) => group.list.length > 0);
}

/** "5 minutes ago", "yesterday"; past a week the date. */
export function relativeTime(ms: number, now: number, language: string): string {
  const words = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  const minutes = Math.max(0, (now - ms) / 60_000);
  if (minutes < 1) return words.format(0, "second");
  if (minutes < 60) return words.format(-Math.floor(minutes), "minute");
  const days = Math.round((midnight(now) - midnight(ms)) / 86_400_000);
  if (days <= 0) return words.format(-Math.floor(minutes / 60), "hour");
  if (days < 7) return words.format(-days, "day");
  const sameYear = new Date(ms).getFullYear() === new Date(now).getFullYear();
  return new Intl.DateTimeFormat(language, { month: "short", day: "numeric", ...(sameYear ? {} : { year: "numeric" }) }).format(ms);
}

/** Whether all words of the search are in the title. */
export function matches(title: string, search: string): boolean {
  const text = title.toLocaleLowerCase();
  return search.toLocaleLowerCase().split(/\s+/).every((word) => text.includes(word));
}
