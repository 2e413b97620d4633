/** Kept conversations: the list and what is done with it, long answers, errors at their answers; with the scripted server. */
import { expect, test, type Page } from "@playwright/test";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { flaws } from "./flaws";
import { ask, id, open, shot, stateIs } from "./page";
import { ARTEFACTS, startMock, type Server } from "./server";

let server: Server;
const DESKTOP = { width: 1440, height: 900 };
const SMALL = { width: 1024, height: 768 };
const PHONE = { width: 390, height: 844 };
const HOUR = 3_600_000;
/** Since midnight; at any hour, "today" and "yesterday" are what they are called. */
const TODAY = Date.now() - new Date().setHours(0, 0, 0, 0);
const NAME = "0123456789abcdef0123456789abcdef";
const PAST = [
  { title: "How do I make a good cup of tea for a large party?", age_ms: Math.min(5 * 60_000, TODAY), messages: [["How do I make tea?", "With **hot** water."], ["And then?", "Then you wait", true]] },
  { title: "Coffee", age_ms: TODAY + HOUR, messages: [["Coffee?", "Yes."]] },
  { title: "北京明天的天气怎么样？", age_ms: 100 * HOUR, messages: [["北京明天的天气怎么样？", "晴。"]] },
];

test.beforeAll(async () => {
  mkdirSync(join(ARTEFACTS, "conversations"), { recursive: true });
  server = await startMock();
});
test.afterAll(() => server?.stop("SIGKILL"));

let clients = 0;

/** A page of a browser of its own, with the past given. */
async function visit(page: Page, list: unknown[] = [], settings: object = {}): Promise<void> {
  const client = `${NAME}${++clients}`;
  await page.request.post(`${server.url}/mock/seed`, { data: { client, list } });
  await page.addInitScript(
    ([client, settings]) => {
      localStorage.setItem("avatar-chat.client", client);
      if (!localStorage.getItem("avatar-chat.settings")) localStorage.setItem("avatar-chat.settings", settings);
    },
    [client, JSON.stringify({ uiLanguage: "en", theme: "light", ...settings })],
  );
  await open(page, server.url);
}

const items = (page: Page) => page.locator(id("history-item"));
const named = (page: Page, title: string) => items(page).filter({ hasText: title });
const messages = (page: Page) => page.locator(".message");

async function unfold(page: Page, title: string, action: string): Promise<void> {
  const more = named(page, title).locator(id("history-more"));
  if ((await more.getAttribute("aria-expanded")) !== "true") await more.click();
  await named(page, title).locator(id(action)).click();
}

test("a conversation outlives a reload and is found again", async ({ page }) => {
  await visit(page);
  await page.locator(id("history-link")).click();
  await expect(page.locator(id("history-empty"))).toBeVisible();
  await ask(page, "short and sweet");
  await expect(named(page, "short and sweet")).toHaveCount(1);
  await stateIs(page, "speaking");
  await stateIs(page, "idle");
  await page.reload();
  await expect(messages(page)).toHaveCount(2);
  await expect(messages(page).first()).toContainText("short and sweet");
  await ask(page, "short again");
  await stateIs(page, "speaking");
  await expect(named(page, "short and sweet")).toContainText("2 questions");
  await page.locator(id("history-new")).click();
  await stateIs(page, "idle");
  await expect(messages(page)).toHaveCount(0);
  await ask(page, "short of time");
  await expect(items(page)).toHaveCount(2);
  await expect(named(page, "short of time").locator(id("history-open"))).toHaveAttribute("aria-current", "true");
  await named(page, "short and sweet").locator(id("history-open")).click();
  await expect(messages(page)).toHaveCount(4);
  await stateIs(page, "idle");
  const { top, height, view } = await page.locator(id("log")).evaluate((e) => ({ top: e.scrollTop, height: e.scrollHeight, view: e.clientHeight }));
  expect(height - top - view, "scrolled to the end").toBeLessThan(2);
});

test("reopened, what was interrupted is marked; the connection comes back to the same conversation", async ({ page }) => {
  await visit(page, PAST, { historyOpen: true });
  await expect(page.locator(".history h3")).toHaveText(["Today", "Yesterday", "Earlier"]);
  await named(page, "cup of tea").locator(id("history-open")).click();
  await expect(messages(page)).toHaveCount(4);
  await expect(page.locator(id("interrupted"))).toHaveCount(1);
  await expect(messages(page).nth(1).locator("strong")).toHaveText("hot");
  await ask(page, "drop please");
  await expect(page.locator(id("connection"))).toHaveAttribute("data-status", "lost", { timeout: 15_000 });
  await expect(page.locator(id("connection"))).toHaveAttribute("data-status", "connected", { timeout: 15_000 });
  await ask(page, "short now");
  await expect(named(page, "cup of tea")).toContainText("4 questions");
  await expect(items(page)).toHaveCount(3);
});

test("search, rename, export, delete", async ({ page }) => {
  await visit(page, PAST, { historyOpen: true });
  await page.locator(id("history-search")).fill("COFF");
  await expect(items(page)).toHaveCount(1);
  await page.locator(id("history-search")).fill("nothing like it");
  await expect(page.locator(id("history"))).toContainText("No conversation matches");
  await page.locator(id("history-search")).fill("");

  await unfold(page, "Coffee", "history-rename");
  await page.keyboard.type("Espresso");
  await page.keyboard.press("Enter");
  await expect(named(page, "Espresso").locator(id("history-open"))).toBeFocused();
  await unfold(page, "Espresso", "history-rename");
  await page.keyboard.type("never mind");
  await page.keyboard.press("Escape");
  await page.reload();
  await expect(named(page, "Espresso")).toHaveCount(1);

  for (const [format, name, content] of [["markdown", "Espresso.md", /^# Espresso[\s\S]*Coffee\?/], ["json", "Espresso.json", /"text":"Coffee\?"/]] as const) {
    const [download] = await Promise.all([page.waitForEvent("download"), unfold(page, "Espresso", `history-${format}`)]);
    expect(download.suggestedFilename()).toBe(name);
    expect(readFileSync(await download.path(), "utf8")).toMatch(content);
  }

  await unfold(page, "Espresso", "history-delete");
  await expect(page.locator(id("confirm"))).toContainText("Espresso");
  await expect(page.locator(id("confirm-no"))).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(items(page)).toHaveCount(3);
  await named(page, "Espresso").locator(id("history-open")).click();
  await expect(messages(page)).toHaveCount(2);
  await unfold(page, "Espresso", "history-delete");
  await page.locator(id("confirm-yes")).click();
  await expect(items(page)).toHaveCount(2);
  await expect(messages(page)).toHaveCount(0);
  await page.locator(id("history-delete-all")).click();
  await expect(page.locator(id("confirm"))).toContainText("all 2 conversations");
  await page.locator(id("confirm-yes")).click();
  await expect(page.locator(id("history-empty"))).toBeVisible();
  await page.reload();
  await expect(page.locator(id("history-empty"))).toBeVisible();
});

test("a list that cannot be loaded says why, and is tried again", async ({ page }) => {
  let broken = true;
  await page.route("**/api/conversations", (route) =>
    broken ? route.fulfill({ status: 503, contentType: "application/problem+json", body: '{"detail":"The disk is full."}' }) : route.continue(),
  );
  await visit(page, PAST, { historyOpen: true });
  await expect(page.locator(id("history-error"))).toContainText("The disk is full.");
  await shot(page, "conversations/error");
  broken = false;
  await page.locator(`${id("history-error")} button`).click();
  await expect(items(page)).toHaveCount(3);
});

test("the drawer keeps the keyboard, and Escape closes it", async ({ page }) => {
  await page.setViewportSize(SMALL);
  await visit(page, PAST);
  await page.locator(id("history-link")).focus();
  await page.keyboard.press("Enter");
  await expect(items(page)).toHaveCount(3);
  for (let i = 0; i < 20; i++) {
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement === document.body || !!document.activeElement!.closest("dialog"))).toBe(true);
  }
  await page.locator(id("history-open")).first().focus();
  await page.keyboard.press("ArrowDown");
  await expect(page.locator(id("history-open")).nth(1)).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(page.locator(id("drawer"))).toHaveCount(0);
  await expect(page.locator(id("history-link"))).toBeFocused();
  await page.keyboard.press("Enter");
  await page.locator(id("history-open")).nth(1).click();
  await expect(page.locator(id("drawer"))).toHaveCount(0);
  await expect(messages(page)).toHaveCount(2);
});

test("a conversation that is gone: the page says so and begins another", async ({ page }) => {
  await page.addInitScript(() => sessionStorage.setItem("avatar-chat.conversation", "f".repeat(32)));
  await visit(page);
  await expect(page.locator(id("notices"))).toContainText("not there any more");
  await ask(page, "short please");
  await stateIs(page, "speaking");
});

test("storage that is blocked: the page works", async ({ page }) => {
  await page.addInitScript(() => {
    for (const area of ["localStorage", "sessionStorage"])
      Object.defineProperty(window, area, { get: () => { throw new DOMException("blocked", "SecurityError"); } });
  });
  await open(page, server.url);
  await page.locator(id("history-link")).click();
  await ask(page, "short please");
  await stateIs(page, "speaking");
  await expect(named(page, "short please")).toHaveCount(1);
});

test("a long answer: table, code that is copied, links, no HTML; its shape does not jump while it comes", async ({ page, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await visit(page);
  await page.evaluate(() => {
    const w = window as unknown as { odd: string[] };
    w.odd = [];
    new MutationObserver(() => {
      const text = document.querySelector("[data-testid=assistant] .answer")?.textContent ?? "";
      if (/\*\*|https:\/\/example\.org\/iso/.test(text)) w.odd.push(text.slice(-60));
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
  await ask(page, "rich please");
  const answer = page.locator(`${id("assistant")} .answer`);
  await expect(answer).toContainText("Never");
  expect(await page.evaluate(() => (window as unknown as { odd: string[] }).odd), "no open marks were seen").toEqual([]);
  await expect(answer.locator("ol > li")).toHaveCount(3);
  await expect(answer.locator("ol ul > li")).toHaveCount(2);
  await expect(answer.locator("tbody tr")).toHaveCount(3);
  await expect(answer.locator("a")).toHaveCount(2);
  await expect(answer.locator("img, b")).toHaveCount(0);
  await answer.locator(id("copy")).click();
  await expect(answer.locator(id("copy"))).toContainText("Copied");
  expect(await page.evaluate(() => navigator.clipboard.readText())).toMatch(/^def brew\(tea, minutes=4\):\n {4}return/);
  await stateIs(page, "idle", 15_000);
});

test("thoughts are folded and can be read", async ({ page }) => {
  await visit(page);
  await ask(page, "think please");
  await expect(page.locator(id("thoughts"))).toContainText("Thinking…");
  await expect(page.locator(`${id("thoughts")} summary`)).toHaveText("Thoughts");
  await expect(page.locator(`${id("thoughts")} .answer`)).toBeHidden();
  await expect(page.locator(`${id("assistant")} > .answer`)).toHaveText(/^This is the first sentence/);
  await page.locator(`${id("thoughts")} summary`).click();
  await expect(page.locator(`${id("thoughts")} strong`)).toHaveText("Careful");
  await expect(page.locator(id("announced"))).not.toContainText("Careful");
});

test("an error stands at its answer; trying again takes its place", async ({ page }) => {
  await visit(page);
  await ask(page, "fail please");
  await expect(page.locator(id("fault"))).toContainText("did not answer");
  await stateIs(page, "idle");
  await page.locator(id("retry")).click();
  await expect(page.locator(id("fault"))).toContainText("did not answer");
  await expect(messages(page)).toHaveCount(2);
  await ask(page, "half please");
  await expect(page.locator(id("assistant")).nth(1)).toContainText("broke off");
  await expect(page.locator(id("assistant")).nth(1).locator(".answer")).toContainText("first sentence");
  await ask(page, "empty please");
  await expect(page.locator(id("no-answer"))).toBeVisible();
  await expect(page.locator(id("notices"))).toBeEmpty();
});

const LOOKS = [
  ["desktop-light-en", DESKTOP, "en", "light"],
  ["desktop-dark-zh", DESKTOP, "zh-CN", "dark"],
  ["small-dark-en", SMALL, "en", "dark"],
  ["phone-light-zh", PHONE, "zh-CN", "light"],
  ["phone-dark-en", PHONE, "en", "dark"],
] as const;
for (const [name, viewport, uiLanguage, theme] of LOOKS) {
  test(`looks right: ${name}`, async ({ browser }) => {
    const page = await browser.newPage({ viewport, hasTouch: viewport === PHONE, deviceScaleFactor: viewport === PHONE ? 2 : 1 });
    const found: string[] = [];
    const look = async (state: string) => {
      await page.waitForTimeout(300);
      await shot(page, `conversations/${name}-${state}`);
      found.push(...(await flaws(page)).map((f) => `${state}: ${f}`));
    };
    await visit(page, PAST, { uiLanguage, theme });
    await ask(page, "think please");
    await expect(page.locator(`${id("thoughts")} summary`)).toHaveText(/Thoughts|思考过程/);
    await page.locator(`${id("thoughts")} summary`).click();
    await stateIs(page, "idle", 15_000);
    await ask(page, "fail please");
    await expect(page.locator(id("retry"))).toBeVisible();
    await look("1-errors");
    await ask(page, "degrade please");
    await expect(page.locator(`${id("notices")} .notice`)).toHaveCount(1);
    await look("2-notice");
    await page.locator(`${id("notices")} button`).click();
    await ask(page, "rich please");
    await expect(page.locator(`${id("assistant")} >> nth=-1`)).toContainText("Never");
    await look("3-answer");
    await page.locator(`${id("assistant")} h3`).last().scrollIntoViewIfNeeded();
    await page.locator(id("log")).evaluate((e) => (e.scrollTop -= 40));
    await stateIs(page, "idle", 15_000);
    await look("4-answer-top");
    await page.locator(id("history-link")).click();
    await expect(items(page)).toHaveCount(4);
    await named(page, "Coffee").locator(id("history-more")).click();
    await look("5-list");
    await named(page, "Coffee").locator(id("history-rename")).click();
    await look("6-rename");
    await page.keyboard.press("Escape");
    await page.locator(id("history-delete-all")).click();
    await look("7-confirm");
    await page.locator(id("confirm-yes")).click();
    await expect(page.locator(id("history-empty"))).toBeVisible();
    await look("8-empty");
    expect(found).toEqual([]);
    await page.close();
  });
}
