/** This browser's own name for the server, made once: who knows it sees the conversations kept under it. */
import { newClientName } from "@avatar-chat/client";
import { readStored, writeStored } from "@avatar-chat/ui";

export const CLIENT_KEY = "avatar-chat.client";
export const CONVERSATION_KEY = "avatar-chat.conversation";
const NAME = /^[A-Za-z0-9_-]{32,64}$/;

let name = "";

export function clientName(): string {
  const stored = readStored("localStorage", CLIENT_KEY) ?? "";
  if (NAME.test(stored)) return (name = stored);
  if (!name) name = newClientName();
  writeStored("localStorage", CLIENT_KEY, name);
  return name;
}

/** The conversation that this tab is in; a reload goes on with it. A server refuses what cannot be an id. */
export function currentConversation(): string {
  const id = readStored("sessionStorage", CONVERSATION_KEY) ?? "";
  return /^[0-9a-f]{32}$/.test(id) ? id : "";
}
export const keepConversation = (id: string) => writeStored("sessionStorage", CONVERSATION_KEY, id);
