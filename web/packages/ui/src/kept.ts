/** Choices that are kept as JSON. */
export interface Rules<T> {
  choices?: Partial<Record<keyof T, readonly unknown[]>>;
  ranges?: Partial<Record<keyof T, readonly [number, number]>>;
}

/** What is stored, as far as it makes sense; the rest is default. */
export function readKept<T extends object>(json: string | null, defaults: T, { choices = {}, ranges = {} }: Rules<T>): T {
  let stored: Partial<Record<keyof T, unknown>> = {};
  try {
    stored = JSON.parse(json ?? "{}") ?? {};
  } catch {
    /* Someone else's or an old value: defaults. */
  }
  const out = { ...defaults };
  for (const key of Object.keys(defaults) as (keyof T)[]) {
    const value = stored[key];
    const range = ranges[key];
    if (typeof value !== typeof defaults[key]) continue;
    if (choices[key] && !choices[key].includes(value)) continue;
    if (range && !((value as number) >= range[0] && (value as number) <= range[1])) continue;
    out[key] = value as T[keyof T];
  }
  return out;
}
