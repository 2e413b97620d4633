/** A server with client tokens: the page asks for one, says when it is wrong, and takes one from its address. */
import { expect, test } from "@playwright/test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ask, id, open, shot } from "./page";
import { startServer, type Server } from "./server";

const TOKEN = "a-client-token-of-the-tests";
const folder = mkdtempSync(join(tmpdir(), "avatar-chat-token-"));
const set = (...options: string[]) => options.flatMap((option) => ["--set", option]);
let server: Server;

test.beforeAll(async () => {
  const file = join(folder, "tokens");
  writeFileSync(file, `# who may talk\n${TOKEN}\n`, { mode: 0o600 });
  server = await startServer(0, ...set("llm.use=[faq]", `server.client_tokens_file=${file}`, "history.store=sqlite", `history.path=${join(folder, "kept.db")}`));
});
test.afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("asks for a token, tells a wrong one, and talks with the right one", async ({ page }) => {
  const logged: string[] = [];
  page.on("console", (m) => logged.push(m.text()));
  await page.goto(server.url);
  const dialog = page.locator(id("access"));
  const field = page.locator(id("access-token"));
  await expect(dialog).toContainText("This server wants an access token");
  await expect(field).toHaveAttribute("type", "password");
  await expect(field).toBeFocused();
  await expect(page.locator(id("access-bad"))).toHaveCount(0);

  for (const wrong of ["not-a-token-of-this-server", "不是令牌"]) {
    await field.fill(wrong);
    await page.locator(id("access-connect")).click();
    await expect(page.locator(id("access-bad"))).toHaveText("The server does not accept this token.");
    await field.fill("");
  }
  await field.fill("not-a-token-of-this-server");
  await shot(page, "token-dialog");

  await field.fill(` ${TOKEN} `);
  await field.press("Enter");
  await expect(dialog).toHaveCount(0);
  await expect(page.locator(id("connection"))).toHaveAttribute("data-status", "connected");
  await ask(page, "What can you do?");
  await expect(page.locator(id("latency"))).toBeVisible({ timeout: 40_000 });
  await page.locator(id("history-link")).click();
  await expect(page.locator(id("history"))).toContainText("What can you do?");
  expect(logged.filter((text) => text.includes(TOKEN))).toEqual([]);

  await page.reload();
  await expect(page.locator(id("connection"))).toHaveAttribute("data-status", "connected");
  await expect(dialog).toHaveCount(0);
});

test("takes a token from the address and out of it", async ({ page }) => {
  await open(page, server.url, `/#token=${TOKEN}`);
  expect(page.url()).toBe(`${server.url}/`);
  await page.locator(id("settings-link")).click();
  await expect(page).toHaveURL(`${server.url}/settings`);
  await page.goBack();
  await expect(page).toHaveURL(`${server.url}/`);
  await expect(page.locator(id("access"))).toHaveCount(0);
  await ask(page, "What can you do?");
  await expect(page.locator(id("latency"))).toBeVisible({ timeout: 40_000 });
});

test.describe("in Chinese", () => {
  test.use({ locale: "zh-CN" });
  test("says at once that the token of the address is wrong", async ({ page }) => {
    await page.goto(`${server.url}/#token=an-old-token-of-the-tests`);
    await expect(page.locator(id("access"))).toContainText("此服务器需要访问令牌");
    await expect(page.locator(id("access-bad"))).toHaveText("服务器不接受此令牌。");
    expect(page.url()).toBe(`${server.url}/`);
  });
});
