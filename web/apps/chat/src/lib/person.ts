/** Who is on the stage, and what to call the person. */
import { computed } from "vue";
import { useCatalog } from "../stores/catalog";
import { useConversation } from "../stores/conversation";
import { useSettings } from "../stores/settings";

/** A name given in both scripts ("Lin 林"), in the one that suits the page; any other name as it is. */
export function personName(name: string, language: string): string {
  const parts = /^([^\p{Script=Han}]+?)\s+(\p{Script=Han}[\p{Script=Han}·]*)$/u.exec(name);
  if (!parts) return name;
  return language.startsWith("zh") ? parts[2] : parts[1];
}

/** The chosen person, else the session's, else the first of the list. */
export function usePerson() {
  const settings = useSettings();
  const conversation = useConversation();
  const catalog = useCatalog();
  return computed(() => {
    const find = (id?: string) => catalog.avatars.find((a) => a.id === id);
    return find(settings.values.avatar) ?? find(conversation.ready?.avatar) ?? catalog.avatars[0];
  });
}
