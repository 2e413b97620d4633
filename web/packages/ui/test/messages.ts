/** What each page's texts must be: there in both languages, with the same placeholders, and used by their keys. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

function flat(tree: object, prefix = ""): Map<string, string> {
  const out = new Map<string, string>();
  for (const [key, value] of Object.entries(tree)) {
    if (typeof value === "string") out.set(prefix + key, value);
    else for (const [k, v] of flat(value, `${prefix}${key}.`)) out.set(k, v);
  }
  return out;
}

const placeholders = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1]).sort();

/** `root` is the page's src folder. `foreign`: keys whose text is the same in Chinese (names, units). */
export function checkMessages(en: object, zhCN: object, root: string, foreign: string[] = []): void {
  const english = flat(en);
  const chinese = flat(zhCN);

  it("exist in both languages, none empty", () => {
    expect([...chinese.keys()].sort()).toEqual([...english.keys()].sort());
    for (const [key, text] of [...english, ...chinese]) expect(text.trim(), key).not.toBe("");
  });

  it("have the same placeholders", () => {
    for (const [key, text] of english) expect(placeholders(chinese.get(key)!), key).toEqual(placeholders(text));
  });

  it("are Chinese in Chinese", () => {
    for (const [key, text] of chinese) if (!foreign.includes(key)) expect(text, key).toMatch(/[\u4e00-\u9fff]/);
  });

  it("exist for each fixed key that the page uses", () => {
    const files = readdirSync(root, { recursive: true }).map(String).filter((f) => /\.(vue|ts)$/.test(f));
    const used = files.flatMap((f) => [...readFileSync(join(root, f), "utf8").matchAll(/(?<![\w.])t\(\s*"([\w.]+)"/g)].map((m) => m[1]));
    expect(used.length).toBeGreaterThan(20);
    for (const key of used) expect(english.has(key), key).toBe(true);
  });
}
