/** What the pages have in common. */
import { afterEach, describe, expect, it, vi } from "vitest";
import { nextTick, ref } from "vue";
import { APPEARANCE, browserLanguage, HttpError, readKept, request, useAppearance } from "../src";

afterEach(() => vi.unstubAllGlobals());

describe("browserLanguage", () => {
  it.each([
    [["zh-TW", "en"], "zh-CN"],
    [["zh"], "zh-CN"],
    [["de-DE", "en-GB"], "en"],
    [["fr", "zh-CN"], "zh-CN"],
    [["zhx", "fr"], "en"],
    [[], "en"],
  ] as const)("%j → %s", (languages, wanted) => expect(browserLanguage(languages)).toBe(wanted));
});

describe("useAppearance", () => {
  it("follows the system until somebody chooses", async () => {
    let change: (e: { matches: boolean }) => void = () => {};
    vi.stubGlobal("matchMedia", () => ({ matches: true, addEventListener: (_: string, f: typeof change) => (change = f) }));
    const values = ref({ ...APPEARANCE, uiLanguage: "zh-CN" as const });
    const { dark, uiLanguage } = useAppearance(values);
    expect([dark.value, uiLanguage.value]).toEqual([true, "zh-CN"]);
    change({ matches: false });
    await nextTick();
    expect(dark.value).toBe(false);
    values.value.theme = "dark";
    expect(dark.value).toBe(true);
  });
});

describe("readKept", () => {
  const defaults = { n: 1, s: "a", free: "" };
  const rules = { choices: { s: ["a", "b"] }, ranges: { n: [0, 5] as const } };
  it.each([
    [null, {}],
    ["[", {}],
    ["null", {}],
    ['{"n":3,"s":"b","free":"x","more":1}', { n: 3, s: "b", free: "x" }],
    ['{"n":9,"s":"c","free":1}', {}],
  ])("%s", (json, wanted) => expect(readKept(json, defaults, rules)).toEqual({ ...defaults, ...wanted }));
});

describe("request", () => {
  const answer = (status: number, body: unknown, headers = {}) => vi.stubGlobal("fetch", async () => new Response(typeof body === "string" ? body : JSON.stringify(body), { status, headers }));

  it("gives the answer when all is well", async () => {
    answer(200, { a: 1 });
    expect(await (await request("/x")).json()).toEqual({ a: 1 });
  });
  it("fails with the problem's words, its status, and when to come again", async () => {
    answer(429, { title: "Too many", detail: "wait a moment" }, { "Retry-After": "7" });
    const error = await request("/x").catch((e) => e);
    expect(error).toBeInstanceOf(HttpError);
    expect(error).toMatchObject({ status: 429, message: "wait a moment", retryAfterS: 7, problem: { title: "Too many" } });
  });
  it("fails with the status where the answer is no problem document", async () => {
    answer(502, "<html>");
    expect(await request("/x").catch((e) => e)).toMatchObject({ status: 502, message: "/x: HTTP 502", retryAfterS: 0 });
  });
});
