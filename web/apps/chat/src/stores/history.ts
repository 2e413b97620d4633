/** The list of kept conversations, and what can be done with each. Loaded when it is looked at, and kept up to date while it is. */
import { defineStore } from "pinia";
import { computed, ref, watch } from "vue";
import * as api from "../lib/conversations";
import type { ConversationInfo, ExportFormat } from "../lib/conversations";
import { useConversation } from "./conversation";
import { useSettings } from "./settings";

/** From here on the list may stand open beside the person; as in styles.css. */
const WIDE = "(min-width: 1240px)";

export const useHistory = defineStore("history", () => {
  const conversation = useConversation();
  const settings = useSettings();
  const list = ref<ConversationInfo[]>([]);
  const loaded = ref(false);
  const loading = ref(false);
  /** Why the list could not be loaded. */
  const error = ref("");
  /** Why something could not be done to one of them. */
  const trouble = ref("");
  const search = ref("");
  const wide = ref(false);
  const drawer = ref(false);
  let latest = 0;

  if (typeof matchMedia === "function") {
    const query = matchMedia(WIDE);
    wide.value = query.matches;
    query.addEventListener("change", (e) => {
      wide.value = e.matches;
      drawer.value = false;
    });
  }

  const open = computed(() => (wide.value ? settings.values.historyOpen : drawer.value));
  const found = computed(() => list.value.filter((c) => api.matches(c.title, search.value)));

  function show(on: boolean): void {
    if (wide.value) settings.values.historyOpen = on;
    else drawer.value = on;
  }

  async function load(): Promise<void> {
    const mine = ++latest;
    loading.value = true;
    try {
      const answer = await api.listConversations();
      if (mine !== latest) return;
      list.value = answer;
      loaded.value = true;
      error.value = "";
    } catch (e) {
      if (mine === latest) error.value = (e as Error).message;
    } finally {
      if (mine === latest) loading.value = false;
    }
  }

  /** Does it, and says why when it could not be done; the list is the server's again then. */
  async function attempt(act: () => Promise<unknown>): Promise<boolean> {
    trouble.value = "";
    try {
      await act();
      return true;
    } catch (e) {
      trouble.value = (e as Error).message;
      void load();
      return false;
    }
  }

  async function rename(id: string, title: string): Promise<boolean> {
    const wanted = [...title.trim()].slice(0, api.MAX_TITLE).join("");
    const entry = list.value.find((c) => c.id === id);
    if (!entry || !wanted || wanted === entry.title) return true;
    entry.title = wanted; /* at once; load() takes it back if it fails */
    return attempt(() => api.renameConversation(id, wanted));
  }

  async function remove(id: string): Promise<void> {
    if (!(await attempt(() => api.deleteConversation(id)))) return;
    list.value = list.value.filter((c) => c.id !== id);
    conversation.forget(id);
  }

  async function removeAll(): Promise<void> {
    if (!(await attempt(() => api.deleteConversations()))) return;
    list.value = [];
    conversation.forget();
  }

  const save = (entry: ConversationInfo, format: ExportFormat) => attempt(() => api.saveConversation(entry, format));

  function choose(id: string): void {
    conversation.reopen(id);
    drawer.value = false;
  }

  function begin(): void {
    conversation.begin();
    drawer.value = false;
  }

  watch(
    () => [open.value, conversation.connected, conversation.changes] as const,
    ([isOpen, connected]) => isOpen && connected && void load(),
    { immediate: true },
  );

  return { list, loaded, loading, error, trouble, search, wide, open, found, show, load, rename, remove, removeAll, save, choose, begin };
});
