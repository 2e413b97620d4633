/** The REST interface's page: Swagger UI shows what the server says of itself, within the server's own rules for pages. */
import { expect, test } from "@playwright/test";
import { shot } from "./page";
import { startServer } from "./server";

test("the REST interface is described at /docs", async ({ page }) => {
  const server = await startServer(0);
  const errors: string[] = [];
  page.on("pageerror", (e) => errors.push(String(e)));
  page.on("console", (m) => m.type() === "error" && errors.push(m.text()));
  const elsewhere: string[] = [];
  page.on("request", (r) => !/^(data|blob):/.test(r.url()) && !r.url().startsWith(server.url) && elsewhere.push(r.url()));
  try {
    await page.goto(new URL("/docs", server.url).href);
    const description = await (await page.request.get(new URL("/openapi.json", server.url).href)).json();
    const operations = Object.values(description.paths as object).flatMap((path) => Object.keys(path as object));
    await expect(page.locator(".opblock")).toHaveCount(operations.length, { timeout: 30_000 });
    await page.locator("#operations-server-get_api_status").click();
    await page.getByRole("button", { name: "Try it out" }).click();
    await page.getByRole("button", { name: "Execute" }).click();
    await expect(page.locator(".live-responses-table tbody .response-col_status").first()).toContainText("200");
    await shot(page, "docs");
    expect(elsewhere).toEqual([]);
    expect(errors).toEqual([]);
  } finally {
    await server.stop();
  }
});
