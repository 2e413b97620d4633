/**
 * Whether the server wants an access token that the page does not have, and trying the one that is given. A refused WebSocket does not
 * tell why, so a request with the same token asks.
 */
import { defineStore } from "pinia";
import { ref, watch } from "vue";
import { isAdmitted } from "../lib/conversations";
import { clientToken, keepToken } from "../lib/token";
import { useConversation } from "./conversation";

export const useAccess = defineStore("access", () => {
  const conversation = useConversation();
  const wanted = ref(false);
  /** The token that the page has is none of the server's. */
  const wrong = ref(false);
  /** Why a token could not be tried. */
  const error = ref("");
  const trying = ref(false);

  async function onRefused(): Promise<void> {
    const token = clientToken();
    /* Where nobody answers it is not the token: the connection's state says so. */
    const admitted = await isAdmitted(token).catch(() => true);
    if (admitted || token !== clientToken() || conversation.connected) return;
    wrong.value = token !== "";
    error.value = "";
    wanted.value = true;
  }

  async function give(text: string): Promise<void> {
    trying.value = true;
    error.value = "";
    try {
      wrong.value = !(await isAdmitted(text));
      if (wrong.value) return;
      keepToken(text);
      wanted.value = false;
      conversation.client?.retryNow();
    } catch (e) {
      error.value = (e as Error).message;
    } finally {
      trying.value = false;
    }
  }

  function dismiss(): void {
    wanted.value = false;
  }

  watch(
    () => conversation.connection,
    ({ status, refused }) => {
      if (refused && !wanted.value) void onRefused();
      if (status === "connected") wanted.value = false;
    },
  );

  return { wanted, wrong, error, trying, give, dismiss };
});
