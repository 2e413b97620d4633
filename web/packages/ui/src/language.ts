/** The page's language and its texts. */
import { createI18n } from "vue-i18n";

export type UiLanguage = "en" | "zh-CN";
export const UI_LANGUAGES: readonly UiLanguage[] = ["en", "zh-CN"];

export function browserLanguage(languages: readonly string[] = navigator.languages): UiLanguage {
  for (const language of languages) {
    if (/^zh\b/i.test(language)) return "zh-CN";
    if (/^en\b/i.test(language)) return "en";
  }
  return "en";
}

type Texts = { [key: string]: string | Texts };

/** `zhCN` has the keys of `en`. */
export function makeI18n(en: Texts, zhCN: Texts) {
  return createI18n({ legacy: false, locale: "en" as string, fallbackLocale: "en", messages: { en, "zh-CN": zhCN } as Record<string, Texts> });
}

export function setUiLanguage(i18n: ReturnType<typeof makeI18n>, language: UiLanguage): void {
  i18n.global.locale.value = language;
  document.documentElement.lang = language;
}
