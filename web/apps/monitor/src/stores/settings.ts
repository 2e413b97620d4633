/** What the visitor has chosen, kept in this browser. */
import { APPEARANCE, APPEARANCE_CHOICES, readKept, readStored, useAppearance, writeStored, type Appearance } from "@avatar-chat/ui";
import { defineStore } from "pinia";
import { computed, ref, watch } from "vue";
import { prometheusBase } from "../lib/prometheus";

export interface Settings extends Appearance {
  /** Of Prometheus: a path on this server or an address; "": there is none. */
  prometheus: string;
}
export const DEFAULTS: Settings = { ...APPEARANCE, prometheus: "" };
export const STORAGE_KEY = "avatar-chat.monitor";

export const useSettings = defineStore("settings", () => {
  const values = ref<Settings>(readKept(readStored("localStorage", STORAGE_KEY), DEFAULTS, { choices: APPEARANCE_CHOICES }));
  watch(values, (v) => writeStored("localStorage", STORAGE_KEY, JSON.stringify(v)), { deep: true });
  const prometheus = computed(() => prometheusBase(values.value.prometheus));
  return { values, prometheus, ...useAppearance(values) };
});
