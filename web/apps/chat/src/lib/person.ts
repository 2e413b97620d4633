/** The person on the stage: the chosen one, else the session's, else the first of the list. */
import { computed } from "vue";
import { useCatalog } from "../stores/catalog";
import { useConversation } from "../stores/conversation";
import { useSettings } from "../stores/settings";

export function usePerson() {
  const settings = useSettings();
  const conversation = useConversation();
  const catalog = useCatalog();
  return computed(() => {
    const find = (id?: string) => catalog.avatars.find((a) => a.id === id);
    return find(settings.values.avatar) ?? find(conversation.ready?.avatar) ?? catalog.avatars[0];
  });
}
