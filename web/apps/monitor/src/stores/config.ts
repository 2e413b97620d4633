/** The configuration as it stands, and changes to it that are not yet sent. */
import { HttpError } from "@avatar-chat/ui";
import { defineStore } from "pinia";
import { computed, ref, shallowRef } from "vue";
import { change, get } from "../lib/api";
import type { ConfigOption } from "../lib/types";

/** As one would write it in the file. */
export const asText = (value: unknown) => (value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value));

/** What is wrong with a value, as far as the panel can tell: the key of a text, or "". The server has the last word. */
export function flawOf(option: ConfigOption, text: string): "" | "config.badNumber" | "config.badWhole" | "config.badRange" {
  if (option.type !== "int" && option.type !== "float") return "";
  if (!text.trim() || !Number.isFinite(Number(text))) return "config.badNumber";
  const n = Number(text);
  if (option.type === "int" && !Number.isInteger(n)) return "config.badWhole";
  return n < (option.min ?? -Infinity) || n > (option.max ?? Infinity) ? "config.badRange" : "";
}

/** Lines as at the server's start (422), or which options cannot change now (409). */
function reasons(error: Error): string[] {
  const { errors, options } = error instanceof HttpError ? error.problem : {};
  if (Array.isArray(errors) && errors.length) return errors.map(String);
  return [Array.isArray(options) && options.length ? `${error.message}: ${options.join(", ")}` : error.message];
}

export const useConfig = defineStore("config", () => {
  const options = shallowRef<ConfigOption[]>([]);
  const state = ref<"loading" | "ready" | "failed">("loading");
  const error = ref("");
  const search = ref("");
  const show = ref<"all" | "changed" | "runtime">("all");
  const draft = ref<Record<string, string>>({});
  const saving = ref(false);
  /** Lines of the server about a change that it refused. */
  const refusals = ref<string[]>([]);
  const changed = ref<string[]>([]);

  async function load(): Promise<void> {
    if (state.value !== "ready") state.value = "loading";
    try {
      options.value = (await get<{ options: ConfigOption[] }>("/api/config")).options;
      state.value = "ready";
      error.value = "";
    } catch (e) {
      error.value = (e as Error).message;
      state.value = "failed";
    }
  }

  function edit(option: ConfigOption, text: string): void {
    const { [option.path]: _, ...rest } = draft.value;
    draft.value = text === asText(option.value) && !option.secret ? rest : { ...rest, [option.path]: text };
    changed.value = [];
  }
  function discard(): void {
    draft.value = {};
    refusals.value = [];
  }

  async function apply(): Promise<void> {
    saving.value = true;
    refusals.value = [];
    changed.value = [];
    try {
      const answer = await change<{ changed: string[] }>("PUT", "/api/config", { set: draft.value });
      changed.value = answer?.changed ?? Object.keys(draft.value);
      draft.value = {};
      await load();
    } catch (e) {
      refusals.value = reasons(e as Error);
    } finally {
      saving.value = false;
    }
  }

  const dirty = computed(() => Object.keys(draft.value));
  const flawed = computed(() => options.value.some((o) => o.path in draft.value && flawOf(o, draft.value[o.path])));
  const shown = computed(() => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    return options.value.filter((o) => {
      if (show.value === "changed" && o.origin === "default" && !(o.path in draft.value)) return false;
      if (show.value === "runtime" && !o.runtime) return false;
      const text = `${o.path} ${o.help} ${o.secret ? "" : asText(o.value)}`.toLowerCase();
      return words.every((w) => text.includes(w));
    });
  });
  /** By what stands before the last dot. */
  const sections = computed(() => {
    const out = new Map<string, ConfigOption[]>();
    for (const o of shown.value) {
      const name = o.path.slice(0, Math.max(0, o.path.lastIndexOf(".")));
      out.set(name, [...(out.get(name) ?? []), o]);
    }
    return [...out];
  });

  return { options, state, error, search, show, draft, saving, refusals, changed, dirty, flawed, shown, sections, load, edit, discard, apply };
});
