/** The REST side of the server (docs/protocol.md). */
import { request } from "@avatar-chat/ui";

export interface Avatar {
  id: string;
  name: string;
  gender?: string;
  detail?: string;
  poster: string;
  idle: string;
}

export interface Voice {
  id: string;
  name: string;
  lang: string;
  gender?: string;
  engine: string;
}

const get = async <T>(path: string): Promise<T> => (await request(path, { headers: { Accept: "application/json" } })).json();

export const fetchAvatars = () => get<Avatar[]>("/api/avatars");
export const fetchVoices = () => get<Voice[]>("/api/voices");
export const fetchTopics = (lang: string) => get<string[]>(`/api/topics?lang=${encodeURIComponent(lang)}`);

/** Of the WebSocket, without a session's id. */
export const socketUrl = () => `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/ws`;
