/** What components have in common: formats in the page's language, the look of charts, a clock. */
import { computed, onBeforeUnmount, ref } from "vue";
import { useSettings } from "../stores/settings";
import { formatBytes, formatMs, formatNumber, formatSpan, formatTime } from "./format";

type Value = number | null | undefined;

export function useFormat() {
  const settings = useSettings();
  const look = computed(() => ({ dark: settings.dark, language: settings.uiLanguage }));
  return {
    look,
    number: (v: Value, digits?: number) => formatNumber(v, settings.uiLanguage, digits),
    bytes: (v: Value) => formatBytes(v, settings.uiLanguage),
    ms: (v: Value) => formatMs(v, settings.uiLanguage),
    span: (v: Value) => formatSpan(v, settings.uiLanguage),
    time: (v: number, withMs?: boolean) => formatTime(v, settings.uiLanguage, withMs),
  };
}

/** The time, once a second. */
export function useNow() {
  const now = ref(Date.now());
  const timer = setInterval(() => (now.value = Date.now()), 1000);
  onBeforeUnmount(() => clearInterval(timer));
  return now;
}
