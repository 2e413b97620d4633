/** What the user has chosen, kept in this browser. */
import type { Delivery, ListenMode, Prefs } from "@avatar-chat/client";
import { APPEARANCE, APPEARANCE_CHOICES, readKept, readStored, useAppearance, writeStored, type Appearance, type Rules } from "@avatar-chat/ui";
import { defineStore } from "pinia";
import { computed, ref, watch } from "vue";

export interface Settings extends Appearance {
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
  ...APPEARANCE,
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
const RULES: Rules<Settings> = {
  choices: { ...APPEARANCE_CHOICES, delivery: ["stream", "clip"], micMode: ["hands_free", "push_to_talk"] },
  ranges: { volume: [0, 1], rate: [0.5, 2], pitch: [0.5, 2], sensitivity: [0, 0.95] },
};

export const readSettings = (json: string | null): Settings => readKept(json, DEFAULTS, RULES);

export const useSettings = defineStore("settings", () => {
  const values = ref<Settings>(readSettings(readStored("localStorage", STORAGE_KEY)));
  watch(values, (v) => writeStored("localStorage", STORAGE_KEY, JSON.stringify(v)), { deep: true });

  const { dark, uiLanguage } = useAppearance(values);
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
