/**
 * What the browser keeps for the page. Where it keeps nothing (blocked, full), values live as long as the page: settings and
 * names work, but do not outlast it.
 */
type Area = "localStorage" | "sessionStorage";

const kept = new Map<string, string>();

export function readStored(area: Area, key: string): string | null {
  try {
    return window[area].getItem(key);
  } catch {
    return kept.get(`${area}/${key}`) ?? null;
  }
}

export function writeStored(area: Area, key: string, value: string): void {
  try {
    if (value) window[area].setItem(key, value);
    else window[area].removeItem(key);
  } catch {
    kept.set(`${area}/${key}`, value);
  }
}
