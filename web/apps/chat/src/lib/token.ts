/** The server's client token, where it wants one (docs/security.md): of this tab, in the page's memory where the browser stores nothing. */
import { readStored, writeStored } from "@avatar-chat/ui";

export const TOKEN_KEY = "avatar-chat.token";

let token: string | undefined;

export const clientToken = (): string => (token ??= readStored("sessionStorage", TOKEN_KEY) ?? "");

export function keepToken(text: string): void {
  token = text;
  writeStored("sessionStorage", TOKEN_KEY, text);
}

/** Of a request. What a header cannot carry is no token: the server then says that it wants one. */
export const authorization = (text = clientToken()): Record<string, string> => (/^[!-~]+$/.test(text) ? { Authorization: `Bearer ${text}` } : {});

/** Takes the token out of the address (`#token=T`), so that it is in no bookmark and no copied link. */
export function takeToken(): void {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const given = fragment.get("token");
  if (given === null) return;
  fragment.delete("token");
  history.replaceState(history.state, "", location.pathname + location.search + `#${fragment}`.replace(/^#$/, ""));
  if (given) keepToken(given);
}
