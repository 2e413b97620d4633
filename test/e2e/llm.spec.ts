/** A language model behind the real server: what it says, what it is told, and what the page says when it fails. */
import { expect, test } from "@playwright/test";
import { startModel, type Model } from "./model";
import { ask, id, open, shot, stateIs } from "./page";
import { startServer, type Server } from "./server";

const settings = (model: Model, ...use: string[]) =>
  [`llm.use=[${use.join(",")}]`, `llm.openai.base_url=${model.url}`, "llm.openai.model=test", "llm.openai.retries=0",
   "llm.openai.first_token_timeout_s=2", "llm.openai.idle_timeout_s=2"].flatMap((s) => ["--set", s]);

let model: Model;
let server: Server;
test.afterEach(async () => {
  await server?.stop();
  await model?.stop();
});

const table = `[happy] Here are the opening hours.

| day | hours |
|---|---|
| Monday | 9–17 |
| Sunday | closed |

\`\`\`python
print("open")
\`\`\`

**Anything else?**`;

test("an answer streams in, is shown as written and spoken; the model is told who it is and what was said", async ({ page }) => {
  model = await startModel({ hours: table });
  server = await startServer(0, ...settings(model, "openai"));
  await open(page, server.url);
  await ask(page, "What are your hours?");
  await stateIs(page, "speaking");
  const answer = page.locator(id("assistant")).locator(".answer");
  await expect(answer.locator("table td")).toHaveCount(4);
  await expect(answer.locator("pre")).toContainText('print("open")');
  await expect(answer).not.toContainText("[happy]");
  await expect(page.locator(id("subtitle"))).toContainText("shown on screen", { timeout: 15_000 });
  await shot(page, "llm/markdown");
  await stateIs(page, "idle", 40_000);
  await ask(page, "And tomorrow?");
  await expect(page.locator(id("assistant")).nth(1)).toContainText("You said: And tomorrow?");
  const [first, second] = model.chats.slice(-2).map((chat) => chat.messages);
  expect(first.map((m) => m.role)).toEqual(["system", "user"]);
  expect(first[0].content).toContain("Lin");
  expect(second.map((m) => m.role)).toEqual(["system", "user", "assistant", "user"]);
  expect(second[2].content).toContain("| Monday | 9–17 |");
});

test("each fault is told at its answer, with what to do, and the conversation goes on", async ({ page }) => {
  test.setTimeout(120_000);
  model = await startModel();
  server = await startServer(0, ...settings(model, "openai"));
  await open(page, server.url);
  const faults: [string, RegExp][] = [
    ["wrong key", /key/i],
    ["no such model", /model/],
    ["over quota", /120 s|quota/],
    ["a web page", /base_url/],
    ["go elsewhere", /198\.51\.100\.7/],
    ["a long line", /line|longer/],
    ["please stall", /first_token_timeout_s|idle_timeout_s/],
  ];
  for (const [i, [question, said]] of faults.entries()) {
    await ask(page, question);
    const fault = page.locator(id("assistant")).nth(i).locator(id("fault"));
    await expect(fault).toContainText(said, { timeout: 15_000 });
    await stateIs(page, "idle");
  }
  await shot(page, "llm/faults");
  await ask(page, "please break off");
  await expect(page.locator(id("assistant")).nth(faults.length)).toContainText("This is the beginning");
  await expect(page.locator(id("assistant")).nth(faults.length).locator(id("fault"))).toBeVisible({ timeout: 15_000 });
  await expect(page.locator(id("connection"))).toHaveAttribute("data-status", "connected");
});

test("the built-in responder answers for a model that is not there, and the page says so", async ({ page }) => {
  model = await startModel();
  server = await startServer(0, ...settings(model, "openai", "faq"));
  await model.stop();
  await open(page, server.url);
  await ask(page, "What can you do?");
  await stateIs(page, "speaking");
  await expect(page.locator(id("notices"))).toContainText("faq");
  await expect(page.locator(id("assistant"))).toContainText("about this product");
  await shot(page, "llm/degraded");
});
