/** The example of docs/web.md, as it stands there: the client package on a page of one's own. */
import { expect, test } from "@playwright/test";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { shot } from "./page";
import { startServer } from "./server";

const ROOT = resolve(__dirname, "../..");
const doc = readFileSync(join(ROOT, "docs/web.md"), "utf8");

test("the example page talks", async ({ page }) => {
  const folder = mkdtempSync(join(tmpdir(), "avatar-embed-"));
  for (const [language, file] of [["html", "index.html"], ["js", "talk.js"]])
    writeFileSync(join(folder, file), new RegExp("```" + language + "\\n(.*?)```", "s").exec(doc)![1]);
  cpSync(join(ROOT, "web/packages/client/dist/avatar-client.js"), join(folder, "avatar-client.js"));
  const server = await startServer(0, "--set", `server.web_dir=${folder}`);
  const errors: string[] = [];
  page.on("pageerror", (e) => errors.push(String(e)));
  page.on("console", (m) => m.type() === "error" && !/favicon/.test(m.location().url) && errors.push(m.text()));
  try {
    await page.goto(server.url);
    await expect.poll(() => page.evaluate(() => document.querySelector<HTMLVideoElement>("video[data-avatar=idle]")!.currentTime), { timeout: 30_000 }).toBeGreaterThan(0.1);
    await page.locator("#question").fill("What can you do?");
    await page.keyboard.press("Enter");
    await expect(page.locator("#answer")).toContainText(/[a-z]{3,}/i);
    const talk = page.locator("video[data-avatar=talk]");
    await expect.poll(() => talk.evaluate((v: HTMLVideoElement) => (v.paused ? 0 : v.currentTime))).toBeGreaterThan(1.5);
    await expect(talk).toHaveCSS("opacity", "1");
    await shot(page, "embed");
    await page.locator("#stop").click();
    await expect.poll(() => talk.evaluate((v: HTMLVideoElement) => v.paused)).toBe(true);
    expect(errors).toEqual([]);
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true });
  }
});
