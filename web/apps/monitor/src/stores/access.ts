/** The admin token: in this tab only (sessionStorage), sent in a header. */
import { readStored, writeStored } from "@avatar-chat/ui";
import { defineStore } from "pinia";
import { ref } from "vue";

export const TOKEN_KEY = "avatar-chat.admin-token";
/** What the server takes for a token; anything else cannot be one. */
export const isToken = (text: string) => /^[A-Za-z0-9._~-]{16,}$/.test(text);

export const useAccess = defineStore("access", () => {
  const token = ref(readStored("sessionStorage", TOKEN_KEY) ?? "");
  /** Whether the server wants one (or another one), and what it said. */
  const wanted = ref(false);
  const message = ref("");

  function ask(said: string): void {
    message.value = said;
    wanted.value = true;
  }
  function give(text: string): void {
    token.value = text;
    writeStored("sessionStorage", TOKEN_KEY, text);
    wanted.value = false;
  }
  const forget = () => give("");

  return { token, wanted, message, ask, give, forget };
});
