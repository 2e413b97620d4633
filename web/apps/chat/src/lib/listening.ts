/** The languages a server understands. */
import { languageName } from "./voices";

const base = (tag: string) => tag.toLowerCase().split("-")[0];

/** Whether what is spoken in `tag` is understood; an empty list says nothing, so it is. */
export function listensTo(languages: readonly string[], tag: string): boolean {
  return languages.length === 0 || languages.some((l) => l === "auto" || base(l) === base(tag));
}

/** Names of the languages, the first few of a long list. */
export function languageNames(languages: readonly string[], uiLanguage: string, most = 8): string {
  const names = [...new Set(languages.map((l) => languageName(l, uiLanguage)))];
  return names.slice(0, most).join(", ") + (names.length > most ? ` +${names.length - most}` : "");
}
