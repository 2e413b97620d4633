/**
 * The monitoring panel with a scripted server (mock/monitor.mjs): what it shows, what it does, how it bears faults, and how it
 * looks wide and narrow, light and dark, English and Chinese (pictures in test-artefacts/monitor).
 */
import { expect, test, type Page } from "@playwright/test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { flaws } from "./flaws";
import { id, shot } from "./page";
import { ARTEFACTS, startMonitorMock, type Server } from "./server";

const TOKEN = "an-admin-token-of-the-tests";
let server: Server;
let closed: Server;

test.beforeAll(async () => {
  mkdirSync(join(ARTEFACTS, "monitor"), { recursive: true });
  [server, closed] = await Promise.all([startMonitorMock(), startMonitorMock(TOKEN)]);
});
test.afterAll(() => Promise.all([server?.stop(), closed?.stop()]));
test.afterEach(() => set({ down: false, empty: false, memory: "ok", slow_ms: 0, prometheus: true }));

const set = (what: object) => fetch(`${server.url}/mock/set`, { method: "POST", body: JSON.stringify(what) });
interface Seen {
  method: string;
  path: string;
  authorization: string;
}
const seen = async (of = server): Promise<Seen[]> => (await (await fetch(`${of.url}/mock/seen`)).json()).requests;

/** What a browser complains about: faults of scripts, and what the content security policy forbids. */
function complaints(page: Page): string[] {
  const out: string[] = [];
  page.on("pageerror", (e) => out.push(String(e)));
  page.on("console", (m) => {
    if (m.type() === "error" && !/status of (401|404|409|422|503)/.test(m.text())) out.push(m.text());
  });
  return out;
}

async function open(page: Page, path = "", of = server): Promise<string[]> {
  const out = complaints(page);
  await page.goto(`${of.url}/monitor/#/${path}`);
  return out;
}

/** Whether something is drawn on the canvas: pixels of more than a few colours. */
const drawn = (page: Page, selector: string) =>
  page.locator(`${selector} canvas`).first().evaluate((canvas: HTMLCanvasElement) => {
    const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
    const colours = new Set<number>();
    for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 200) colours.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
    return colours.size;
  });

test("shows the server at a glance and keeps up with it", async ({ page }) => {
  const bad = await open(page);
  await expect(page.locator(id("connection"))).toHaveAttribute("data-status", "connected");
  await expect(page.locator(id("tile-sessions"))).toContainText("of 200, 2 wait");
  await expect(page.locator(id("tile-first"))).toContainText("424 ms");
  await expect(page.locator(id("latency"))).toContainText("905 ms");
  await expect(page.locator(id("list-errors"))).toContainText("timeout");
  await expect(page.locator(id("list-degraded"))).toContainText("flite");
  await expect(page.locator(id("list-models"))).toContainText("asr.whisper");
  await expect(page.locator(id("list-caches"))).toContainText("97.2 %");
  await expect.poll(() => drawn(page, id("chart-traffic"))).toBeGreaterThan(20);
  await expect(page.locator(`${id("chart-traffic")} [role=img]`)).toHaveAttribute("aria-label", /Talking: now \d+, least \d+, most \d+/);
  const polls = async () => (await seen()).filter((r) => r.path === "/api/monitor").length;
  const before = await polls();
  await page.waitForTimeout(4500);
  const more = (await polls()) - before;
  expect(more).toBeGreaterThanOrEqual(1);
  expect(more).toBeLessThanOrEqual(3);
  expect(bad).toEqual([]);
});

test("lists sessions, shows one's time-line, stops it after asking", async ({ page }) => {
  const bad = await open(page, "sessions");
  const rows = page.locator(id("session"));
  await expect(rows).toHaveCount(9);
  await expect(page.locator(id("queue"))).toContainText("In line");

  await page.getByRole("button", { name: "Turns" }).click();
  await page.getByRole("button", { name: "Turns" }).click();
  await expect(page.locator("th[aria-sort=descending]")).toContainText("Turns");
  const turns = (await page.locator("td[data-label=Turns]").allTextContents()).map(Number);
  expect(turns).toEqual([...turns].sort((a, b) => b - a));

  const chosen = (await rows.first().getAttribute("data-id"))!;
  await page.locator(id("session-search")).fill(chosen);
  await expect(rows).toHaveCount(1);
  await rows.first().locator("td").nth(2).click();
  await expect(page).toHaveURL(new RegExp(`#/sessions/${chosen}$`));
  await expect(page.locator("h2").first()).toHaveText(chosen);
  await expect.poll(() => drawn(page, id("session-view"))).toBeGreaterThan(10);
  await page.locator(id("as-table")).click();
  await expect(page.locator(`${id("timeline-table")} tbody tr`)).toHaveCount(Math.min(20, turns[0]));
  await expect(page.locator(`${id("timeline-table")} thead`)).toContainText("First fragment");

  const asked = async () => (await seen()).filter((r) => r.method === "DELETE").map((r) => r.path);
  await page.locator(id("stop")).click();
  await page.keyboard.press("Escape");
  await expect(page.locator(id("confirm"))).toHaveCount(0);
  expect(await asked()).not.toContain(`/api/sessions/${chosen}`);
  await page.locator(id("stop")).click();
  await page.locator(id("confirm-yes")).click();
  await expect(page.locator(id("over"))).toContainText("has ended");
  expect(await asked()).toContain(`/api/sessions/${chosen}`);
  await page.getByRole("link", { name: "All sessions" }).click();
  await expect(rows).toHaveCount(8);
  await expect(page.locator(`[data-id="${chosen}"]`)).toHaveCount(0);
  expect(bad).toEqual([]);
});

test("filters the log, holds it, follows it", async ({ page }) => {
  const bad = await open(page, "logs");
  const lines = page.locator(".log-line");
  const box = page.locator(id("log"));
  const atEnd = () => box.evaluate((e) => e.scrollHeight - e.clientHeight - e.scrollTop < 30);
  await expect(page.locator(id("log-count"))).toContainText("The last 500 of");
  await expect(lines).toHaveCount(500);
  await expect.poll(atEnd).toBe(true);
  await page.locator(id("log-text")).fill("502");
  await expect(lines.first()).toContainText("openai");
  await expect(page.locator(".log-line:not(.error)")).toHaveCount(0);
  await page.locator(id("log-text")).fill("nothing has this");
  await expect(box).toContainText("No line matches.");
  await page.locator(id("log-text")).fill("");

  await page.locator(id("log-level")).click();
  await page.locator(".ant-select-item-option", { hasText: "Warning" }).click();
  await expect(page.locator(".log-line.info")).toHaveCount(0);
  await expect(lines.first()).toBeVisible();
  await page.locator(id("log-component")).click();
  await page.locator(".ant-select-item-option", { hasText: "tts" }).click();
  await expect(page.locator(".log-line.error")).toHaveCount(0);
  await expect(page.locator(".log-line.warn").first()).toBeVisible();

  await expect(page.locator(id("log-follow"))).toHaveAttribute("aria-checked", "true");
  await box.evaluate((e) => (e.scrollTop = 0));
  await expect(page.locator(id("log-follow"))).toHaveAttribute("aria-checked", "false");
  await page.locator(id("log-pause")).click();
  await page.waitForTimeout(300);
  const asked = async () => (await seen()).filter((r) => r.path.startsWith("/api/logs")).length;
  const before = await asked();
  await page.waitForTimeout(3000);
  expect(await asked()).toBe(before);
  await page.locator(id("log-pause")).click();
  await expect.poll(asked).toBeGreaterThan(before);
  expect(bad).toEqual([]);
});

test("changes what may change, and shows what the server refuses", async ({ page }) => {
  const bad = await open(page, "config");
  const row = (path: string) => page.locator(`[data-path="${path}"]`);
  await expect(row("server.port")).toContainText("needs a restart");
  await expect(row("server.port").locator("input")).toHaveCount(0);
  await page.locator(id("config-search")).fill("flite voice");
  await expect(page.locator(id("option"))).toHaveCount(1);
  await row("tts.flite.voice").locator("input").fill("nobody");
  await page.locator(id("apply")).click();
  await expect(page.locator(id("refusals"))).toContainText('there is no voice "nobody"; there are: slt, rms, awb');
  await row("tts.flite.voice").locator("input").fill("rms");
  await page.locator(id("config-search")).fill("max_sessions");
  await row("server.max_sessions").locator("input").fill("many");
  await expect(page.locator(id("apply"))).toBeDisabled();
  await row("server.max_sessions").locator("input").fill("50");
  await page.locator(id("apply")).click();
  await expect(page.locator(id("changed"))).toContainText("tts.flite.voice, server.max_sessions");
  await page.locator(id("config-search")).fill("");
  await expect(row("tts.flite.voice").locator("input")).toHaveValue("rms");
  await expect(row("llm.openai.api_key").locator("input")).toHaveValue("");
  expect(bad).toEqual([]);
});

test("asks for the token, keeps it in this tab only, sends it in a header only", async ({ page, context }) => {
  const bad = await open(page, "sessions", closed);
  await expect(page.locator(id("access"))).toContainText("wants the admin token");
  const quiet = (await seen(closed)).length;
  await page.waitForTimeout(3000);
  expect((await seen(closed)).length, "nothing is asked while the token is missing").toBe(quiet);
  await page.locator(id("token")).fill("short");
  await page.locator(id("token-open")).click();
  await expect(page.locator(id("access"))).toContainText("at least 16 characters");
  await page.locator(id("token")).fill("another-token-altogether");
  await page.locator(id("token-open")).click();
  await expect(page.locator(id("access"))).toContainText("was not accepted");
  await page.locator(id("token")).fill(TOKEN);
  await page.keyboard.press("Enter");
  await expect(page.locator(id("session"))).toHaveCount(9);
  await page.reload();
  await expect(page.locator(id("session"))).toHaveCount(9);
  const kept = await page.evaluate(() => [JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage }), location.href, document.cookie]);
  expect(kept[1]).toContain(TOKEN);
  for (const other of [kept[0], kept[2], kept[3]]) expect(other).not.toContain(TOKEN);
  const requests = await seen(closed);
  expect(requests.some((r) => r.authorization === `Bearer ${TOKEN}`)).toBe(true);
  expect(requests.filter((r) => r.path.includes(TOKEN))).toEqual([]);
  const other = await context.newPage();
  await other.goto(`${closed.url}/monitor/`);
  await expect(other.locator(id("access"))).toBeVisible();
  await page.locator(id("nav-settings")).click();
  await page.locator(id("forget")).click();
  await page.locator(id("nav-overview")).click();
  await expect(page.locator(id("access"))).toBeVisible();
  expect(bad).toEqual([]);
});

test("says when the server does not answer, backs off, comes back, notices a restart", async ({ page }) => {
  const bad = await open(page);
  await expect(page.locator(id("overview"))).toBeVisible();
  await set({ down: true });
  await expect(page.locator(id("poll-error"))).toContainText("the server is going down");
  await expect(page.locator(id("poll-error"))).toContainText("What is shown is from");
  await expect(page.locator(id("connection"))).toHaveAttribute("data-status", "lost");
  await expect(page.locator(id("tile-first"))).toContainText("424 ms");
  const polls = async () => (await seen()).filter((r) => r.path === "/api/monitor").length;
  await page.waitForTimeout(3000);
  const before = await polls();
  await page.waitForTimeout(6000);
  expect((await polls()) - before, "fewer than every 2 s").toBeLessThanOrEqual(2);
  await set({ down: false, restart: true });
  await page.locator(id("retry")).click();
  await expect(page.locator(id("poll-error"))).toHaveCount(0);
  await expect(page.locator(id("restarted"))).toContainText("started anew");
  expect(bad).toEqual([]);
});

test("is plain about a server that nobody has used yet", async ({ page }) => {
  await set({ empty: true });
  const bad = await open(page);
  await expect(page.locator(id("tile-first"))).toContainText("no turn in 10 minutes");
  await expect(page.locator(id("latency"))).toContainText("No data for this time yet");
  await expect(page.locator(id("list-errors"))).toContainText("No errors since the start");
  await shot(page, "monitor/empty-overview");
  await page.locator(id("nav-sessions")).click();
  await expect(page.locator(id("sessions-empty"))).toBeVisible();
  expect(bad).toEqual([]);
});

test("reads longer history from Prometheus where it is configured", async ({ page }) => {
  const bad = await open(page);
  await expect(page.locator(id("overview"))).toBeVisible();
  await expect(page.locator(id("span"))).toHaveCount(0);
  await page.locator(id("nav-settings")).click();
  await page.locator(id("prometheus")).fill("/prometheus/");
  await page.locator(id("prometheus")).blur();
  await page.locator(id("prometheus-test")).click();
  await expect(page.locator(id("settings"))).toContainText("Prometheus answers.");
  await page.locator(id("nav-overview")).click();
  await page.locator(id("span")).getByText("24h").click();
  await expect.poll(() => drawn(page, id("chart-traffic"))).toBeGreaterThan(20);
  const queries = (await seen()).filter((r) => r.path.startsWith("/prometheus/api/v1/query_range?")).map((r) => new URL(r.path, "http://x").searchParams);
  expect(queries.some((q) => q.get("query")!.includes("avatar_chat_turns_total") && Number(q.get("end")) - Number(q.get("start")) === 86400)).toBe(true);
  await shot(page, "monitor/prometheus");
  await set({ prometheus: false });
  await page.locator(id("span")).getByText("7d").click();
  await expect(page.locator(id("longer-error"))).toContainText("the query ran into a time-out");
  expect(bad.filter((b) => !/status of 500/.test(b))).toEqual([]);
});

const DESKTOP = { width: 1440, height: 900 };
const PHONE = { width: 390, height: 844 };
for (const [name, viewport, uiLanguage, theme, memory] of [
  ["desktop-light-en", DESKTOP, "en", "light", "ok"],
  ["desktop-dark-zh", DESKTOP, "zh-CN", "dark", "soft"],
  ["phone-light-zh", PHONE, "zh-CN", "light", "hard"],
  ["phone-dark-en", PHONE, "en", "dark", "ok"],
] as const) {
  test(`looks right: ${name}`, async ({ browser }) => {
    test.setTimeout(120_000);
    await set({ memory });
    const page = await browser.newPage({ viewport, hasTouch: viewport === PHONE, deviceScaleFactor: viewport === PHONE ? 2 : 1 });
    await page.addInitScript((s) => localStorage.setItem("avatar-chat.monitor", s), JSON.stringify({ uiLanguage, theme, prometheus: "/prometheus" }));
    const bad = await open(page);
    const found: string[] = [];
    const look = async (part: string) => {
      await page.waitForTimeout(400);
      await page.screenshot({ path: join(ARTEFACTS, "monitor", `${name}-${part}.png`), fullPage: true });
      found.push(...(await flaws(page)).map((f) => `${part}: ${f}`));
    };
    await expect(page.locator(id("overview"))).toBeVisible();
    await expect.poll(() => drawn(page, id("latency"))).toBeGreaterThan(10);
    await look("1-overview");
    await page.locator(id("nav-sessions")).click();
    await expect(page.locator(id("session")).first()).toBeVisible();
    await look("2-sessions");
    await page.locator(`${id("session")} a`).first().click();
    await expect.poll(() => drawn(page, id("session-view"))).toBeGreaterThan(10);
    await look("3-timeline");
    await page.locator(".ant-segmented-item").nth(1).click();
    await look("3-timeline-whole");
    await page.locator(id("as-table")).click();
    await look("3-timeline-table");
    await page.locator(id("stop")).click();
    await look("4-confirm");
    await page.locator(id("confirm-no")).click();
    await page.locator(id("nav-logs")).click();
    await expect(page.locator(".log-line").first()).toBeVisible();
    await look("5-log");
    await page.locator(id("nav-config")).click();
    await expect(page.locator(id("option")).first()).toBeVisible();
    await page.locator('[data-path="tts.flite.voice"] input').fill("nobody");
    await page.locator(id("apply")).click();
    await expect(page.locator(id("refusals"))).toBeVisible();
    await look("6-config");
    await page.locator(id("nav-settings")).click();
    await look("7-settings");
    await page.goto(`${closed.url}/monitor/`);
    await expect(page.locator(id("access"))).toBeVisible();
    await look("8-access");
    expect(found).toEqual([]);
    expect(bad).toEqual([]);
    await page.close();
  });
}
