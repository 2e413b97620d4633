/** The REST side of the server (docs/protocol.md). */
import { request } from "@avatar-chat/ui";
import { clientName } from "./identity";
import { authorization } from "./token";

export interface Avatar {
  id: string;
  name: string;
  gender?: string;
  detail?: string;
  poster: string;
  idle: string;
  /** Which one shows it: "character" draws, "wav2lip" has a photo or a video. */
  engine?: string;
  /** Why it is not shown as it should be; empty: it is. */
  note?: string;
  /** Of an uploaded one: the picture with what was found in it. */
  preview?: string;
  /** Of an uploaded one: this page may remove it. */
  removable?: boolean;
}

export interface Voice {
  id: string;
  name: string;
  lang: string;
  gender?: string;
  engine: string;
}

const get = async <T>(path: string): Promise<T> => (await request(path, { headers: { Accept: "application/json" } })).json();

export const fetchAvatars = async (): Promise<Avatar[]> =>
  (await request("/api/avatars", { headers: { Accept: "application/json", ...authorization(), "X-Client-Id": clientName() } })).json();
export const fetchVoices = () => get<Voice[]>("/api/voices");
export const fetchTopics = (lang: string) => get<string[]>(`/api/topics?lang=${encodeURIComponent(lang)}`);

/** Of the WebSocket, without a session's id. */
export const socketUrl = () => `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/ws`;
