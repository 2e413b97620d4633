/** Kept conversations with the real server, through its restart. */
import { expect, test } from "@playwright/test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ask, id, open, shot, stateIs } from "./page";
import { startServer } from "./server";

let folder: string;
test.beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "avatar-kept-"))));
test.afterEach(() => rmSync(folder, { recursive: true, force: true }));

const start = (port = 0) => startServer(port, "--set", "history.store=sqlite", "--set", `history.path=${join(folder, "kept.db")}`);

test("asked, it is there after a reload and after a restart; renamed, exported, deleted", async ({ browser }) => {
  test.setTimeout(120_000);
  let server = await start();
  const page = await browser.newPage({ locale: "en-US", viewport: { width: 1440, height: 900 } });
  const items = page.locator(id("history-item"));
  const messages = page.locator(".message");
  await open(page, server.url);
  await page.locator(id("history-link")).click();
  await expect(page.locator(id("history-empty"))).toBeVisible();
  await ask(page, "What can you do?");
  await expect(items).toHaveCount(1);
  await expect(items).toContainText("What can you do?");
  await stateIs(page, "speaking");
  await stateIs(page, "idle", 40_000);
  const answer = await page.locator(id("assistant")).locator(".answer").innerText();
  await page.reload();
  await expect(messages).toHaveCount(2);
  expect(await page.locator(id("assistant")).locator(".answer").innerText()).toBe(answer);

  /* Interrupted: only what was heard is kept, and so it is marked. */
  await ask(page, "How do you work?");
  await stateIs(page, "speaking");
  await page.waitForTimeout(1500);
  await page.locator(id("stop")).click();
  await stateIs(page, "idle");
  await expect(items).toContainText("2 questions");
  await page.locator(id("history-new")).click();
  await ask(page, "Thank you");
  await expect(items).toHaveCount(2);
  await items.nth(1).locator(id("history-open")).click();
  await expect(messages).toHaveCount(4);
  await expect(page.locator(id("interrupted"))).toHaveCount(1);
  await shot(page, "conversations/real");

  await items.nth(1).locator(id("history-more")).click();
  await page.locator(id("history-rename")).click();
  await page.keyboard.type("Abilities 能力");
  await page.keyboard.press("Enter");
  const [download] = await Promise.all([page.waitForEvent("download"), page.locator(id("history-markdown")).click()]);
  expect(download.suggestedFilename()).toBe("Abilities 能力.md");
  expect(readFileSync(await download.path(), "utf8")).toContain("What can you do?");

  await server.stop();
  await expect(page.locator(id("connection"))).toHaveAttribute("data-status", "lost");
  server = await start(server.port);
  await expect(page.locator(id("connection"))).toHaveAttribute("data-status", "connected", { timeout: 20_000 });
  await expect(items.filter({ hasText: "Abilities 能力" })).toHaveCount(1);
  await page.reload();
  await expect(messages).toHaveCount(4);
  await ask(page, "Goodbye");
  await expect(items.filter({ hasText: "Abilities 能力" })).toContainText("3 questions");

  await items.filter({ hasText: "Abilities 能力" }).locator(id("history-more")).click();
  await page.locator(id("history-delete")).click();
  await page.locator(id("confirm-yes")).click();
  await expect(items).toHaveCount(1);
  await expect(messages).toHaveCount(0);

  /* Another browser sees nothing of it. */
  const other = await browser.newPage({ locale: "en-US", viewport: { width: 1440, height: 900 } });
  await open(other, server.url);
  await other.locator(id("history-link")).click();
  await expect(other.locator(id("history-empty"))).toBeVisible();
  await other.close();
  await page.close();
  await server.stop();
});
