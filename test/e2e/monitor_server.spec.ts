/** The monitoring panel with the real server: what the server tells is what the panel shows, and what it asks for is done. */
import { expect, test } from "@playwright/test";
import { createRequire } from "node:module";
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { id, shot } from "./page";
import { ARTEFACTS, startServer, type Server } from "./server";

const { WebSocket } = createRequire(resolve(__dirname, "../../web/package.json"))("ws");
const TOKEN = "an-admin-token-of-the-tests";
let server: Server;

test.beforeAll(async () => {
  mkdirSync(join(ARTEFACTS, "monitor"), { recursive: true });
  process.env.AVATAR_CHAT_ADMIN_TOKEN = TOKEN;
  server = await startServer(0, "--set", "llm.use=[faq]");
});
test.afterAll(() => {
  delete process.env.AVATAR_CHAT_ADMIN_TOKEN;
  return server?.stop();
});

/** A visitor who asks one question and hears the answer out. */
async function visit(question: string): Promise<{ session: string; closed: Promise<number>; leave(): void }> {
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/ws`);
  const closed = new Promise<number>((done) => socket.once("close", done));
  let session = "";
  await new Promise<void>((done, fail) => {
    const late = setTimeout(() => fail(new Error("no answer in 40 s")), 40_000);
    socket.on("open", () => socket.send(JSON.stringify({ type: "hello", data: { language: "en" } })));
    socket.on("error", fail);
    socket.on("message", (data: Buffer, binary: boolean) => {
      if (binary) return;
      const message = JSON.parse(String(data));
      if (message.type === "session_ready" && !session) {
        session = message.data.session_id;
        socket.send(JSON.stringify({ type: "text", data: { text: question } }));
      }
      if (message.type === "turn_done") {
        clearTimeout(late);
        done();
      }
    });
  });
  return { session, closed, leave: () => socket.close() };
}

test("watches a visitor, measures the turn, ends the session, changes an option", async ({ page }) => {
  test.setTimeout(120_000);
  const bad: string[] = [];
  page.on("pageerror", (e) => bad.push(String(e)));
  page.on("console", (m) => m.type() === "error" && !/status of (401|404|422)/.test(m.text()) && bad.push(m.text()));

  await page.goto(`${server.url}/monitor`);
  await page.locator(id("token")).fill(TOKEN);
  await page.locator(id("token-open")).click();
  await expect(page.locator(id("overview"))).toBeVisible();

  const visitor = await visit("What can you do?");
  await expect(page.locator(id("tile-first"))).toContainText("1 turn in 10 minutes", { timeout: 15_000 });
  await expect(page.locator(id("tile-first"))).toContainText("ms");
  await expect(page.locator(id("latency"))).toContainText("First fragment");
  await expect(page.locator(id("tile-memory"))).toContainText("MB");
  await shot(page, "monitor/server-overview");

  await page.locator(id("nav-sessions")).click();
  const row = page.locator(`[data-id="${visitor.session}"]`);
  await expect(row).toContainText("127.0.0.1");
  await row.locator("a").click();
  await page.locator(id("as-table")).click();
  const cells = page.locator(`${id("timeline-table")} tbody tr`).first();
  await expect(cells).toContainText("done");
  await expect(cells.locator(".number").nth(6), "first fragment").toContainText(/^[\d.,]+ m?s$/);
  await expect(cells.locator(".number").last()).toHaveText("16");
  await page.locator(id("as-table")).click();
  await shot(page, "monitor/server-timeline");

  await page.locator(id("stop")).click();
  await page.locator(id("confirm-yes")).click();
  expect(await visitor.closed).toBe(1008);
  await expect(page.locator(id("over"))).toBeVisible();

  await page.locator(id("nav-logs")).click();
  await expect(page.locator(".log-line").first()).toBeVisible();
  await expect(page.locator(id("log"))).not.toContainText("What can you do?");
  await expect(page.locator(id("log"))).not.toContainText(TOKEN);
  await shot(page, "monitor/server-log");

  await page.locator(id("nav-config")).click();
  const option = page.locator('[data-path="session.turn_timeout_s"]');
  await expect(option).toBeVisible();
  await option.locator("input").fill("123");
  await page.locator(id("apply")).click();
  await expect(page.locator(id("changed"))).toContainText("session.turn_timeout_s");
  await expect(option.locator("input")).toHaveValue("123");
  await shot(page, "monitor/server-config");
  expect(bad).toEqual([]);
});
