/** Names and order for the voice and language pickers. */
import type { Voice } from "./api";

export function languageName(code: string, ui: string): string {
  try {
    const name = new Intl.DisplayNames([ui], { type: "language" }).of(code);
    return name ? name[0].toUpperCase() + name.slice(1) : code;
  } catch {
    return code;
  }
}

const base = (code: string) => code.toLowerCase().split(/[-_]/)[0];

/** Voices of one language (all for `auto`), grouped by language, those of the page's language first. */
export function voiceGroups(voices: readonly Voice[], language: string, ui: string) {
  const groups = new Map<string, Voice[]>();
  for (const voice of voices) {
    if (language !== "auto" && base(voice.lang) !== base(language)) continue;
    groups.set(voice.lang, [...(groups.get(voice.lang) ?? []), voice]);
  }
  const rank = (code: string) => (base(code) === base(ui) ? 0 : base(code) === "en" || base(code) === "zh" ? 1 : 2);
  return [...groups.entries()]
    .map(([lang, list]) => ({
      lang,
      label: languageName(lang, ui),
      options: list.map((v) => ({ value: v.id, label: `${v.name} · ${v.engine}` })),
    }))
    .sort((a, b) => rank(a.lang) - rank(b.lang) || a.label.localeCompare(b.label, ui))
    .map(({ label, options }) => ({ label, options }));
}
