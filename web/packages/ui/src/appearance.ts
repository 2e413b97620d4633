/** Light or dark, and which language: the visitor's choice, else the system's. */
import { computed, ref, type Ref } from "vue";
import { browserLanguage, type UiLanguage } from "./language";

export interface Appearance {
  uiLanguage: "auto" | UiLanguage;
  theme: "system" | "light" | "dark";
}
export const APPEARANCE: Appearance = { uiLanguage: "auto", theme: "system" };
export const APPEARANCE_CHOICES = { uiLanguage: ["auto", "en", "zh-CN"], theme: ["system", "light", "dark"] } as const;

export function useAppearance(values: Ref<Appearance>) {
  const systemDark = ref(false);
  if (typeof matchMedia === "function") {
    const query = matchMedia("(prefers-color-scheme: dark)");
    systemDark.value = query.matches;
    query.addEventListener("change", (e) => (systemDark.value = e.matches));
  }
  const dark = computed(() => values.value.theme === "dark" || (values.value.theme === "system" && systemDark.value));
  const uiLanguage = computed<UiLanguage>(() => (values.value.uiLanguage === "auto" ? browserLanguage() : values.value.uiLanguage));
  return { dark, uiLanguage };
}
