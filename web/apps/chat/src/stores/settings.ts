/** What the user has chosen, kept in this browser. */
import type { Delivery, ListenMode, Prefs } from "@avatar-chat/client";
import { defineStore } from "pinia";
import { computed, ref, watch } from "vue";
import { browserLanguage, type UiLanguage } from "../i18n";
import { readStored, writeStored } from "../lib/storage";

export interface Settings {
  uiLanguage: "auto" | UiLanguage;
  theme: "system" | "light" | "dark";
  delivery: Delivery;
  subtitles: boolean;
  volume: number;
  muted: boolean;
  rate: number;
  pitch: number;
  avatar: string;
  voice: string;
  language: string;
  micMode: ListenMode;
  /** Of this browser; empty: its own choice. */
  micDevice: string;
  /** How much is taken for speech, 0…1; 0: the server's own threshold. */
  sensitivity: number;
  /** On wide screens the list of conversations stands open. */
  historyOpen: boolean;
}

export const DEFAULTS: Settings = {
  uiLanguage: "auto",
  theme: "system",
  delivery: "stream",
  subtitles: true,
  volume: 1,
  muted: false,
  rate: 1,
  pitch: 1,
  avatar: "",
  voice: "",
  language: "auto",
  micMode: "hands_free",
  micDevice: "",
  sensitivity: 0,
  historyOpen: false,
};

/** The middle; with it the server listens as its documentation recommends. */
export const SENSITIVITY = 0.5;

export const STORAGE_KEY = "avatar-chat.settings";
const CHOICES: Partial<Record<keyof Settings, readonly unknown[]>> = {
  uiLanguage: ["auto", "en", "zh-CN"],
  theme: ["system", "light", "dark"],
  delivery: ["stream", "clip"],
  micMode: ["hands_free", "push_to_talk"],
};
const RANGES: Partial<Record<keyof Settings, readonly [number, number]>> = { volume: [0, 1], rate: [0.5, 2], pitch: [0.5, 2], sensitivity: [0, 0.95] };

/** What is stored, as far as it makes sense; the rest is default. */
export function readSettings(json: string | null): Settings {
  let stored: Record<string, unknown> = {};
  try {
    stored = JSON.parse(json ?? "{}") ?? {};
  } catch {
    /* Someone else's or an old value: defaults. */
  }
  const out: Record<string, unknown> = { ...DEFAULTS };
  for (const key of Object.keys(DEFAULTS) as (keyof Settings)[]) {
    const value = stored[key];
    const range = RANGES[key];
    if (typeof value !== typeof DEFAULTS[key]) continue;
    if (CHOICES[key] && !CHOICES[key].includes(value)) continue;
    if (range && !((value as number) >= range[0] && (value as number) <= range[1])) continue;
    out[key] = value;
  }
  return out as unknown as Settings;
}

export const useSettings = defineStore("settings", () => {
  const values = ref<Settings>(readSettings(readStored("localStorage", STORAGE_KEY)));
  const systemDark = ref(false);
  if (typeof matchMedia === "function") {
    const query = matchMedia("(prefers-color-scheme: dark)");
    systemDark.value = query.matches;
    query.addEventListener("change", (e) => (systemDark.value = e.matches));
  }

  watch(values, (v) => writeStored("localStorage", STORAGE_KEY, JSON.stringify(v)), { deep: true });

  const dark = computed(() => values.value.theme === "dark" || (values.value.theme === "system" && systemDark.value));
  const uiLanguage = computed<UiLanguage>(() =>
    values.value.uiLanguage === "auto" ? browserLanguage() : values.value.uiLanguage,
  );
  const prefs = computed<Prefs>(() => {
    const { language, avatar, voice, delivery, rate, pitch, sensitivity } = values.value;
    return { language, avatar, voice, delivery, rate, pitch, ...(sensitivity ? { threshold: Number((1 - sensitivity).toFixed(2)) } : {}) };
  });

  function reset(): void {
    /* What was told to the server must be taken back. */
    values.value = { ...DEFAULTS, sensitivity: values.value.sensitivity ? SENSITIVITY : 0 };
  }

  return { values, dark, uiLanguage, prefs, reset };
});
