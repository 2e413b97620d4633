import { createI18n } from "vue-i18n";
import { en } from "./en";
import { zhCN } from "./zh-CN";

export type UiLanguage = "en" | "zh-CN";
export const UI_LANGUAGES: readonly UiLanguage[] = ["en", "zh-CN"];

export function browserLanguage(languages: readonly string[] = navigator.languages): UiLanguage {
  for (const language of languages) {
    if (/^zh\b/i.test(language)) return "zh-CN";
    if (/^en\b/i.test(language)) return "en";
  }
  return "en";
}

export const i18n = createI18n({
  legacy: false,
  locale: "en",
  fallbackLocale: "en",
  messages: { en, "zh-CN": zhCN },
});

export function setUiLanguage(language: UiLanguage): void {
  i18n.global.locale.value = language;
  document.documentElement.lang = language;
}
