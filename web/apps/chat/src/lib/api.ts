/** The REST side of the server (docs/protocol.md). */
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

/** Fails with what the server says (RFC 9457), else with the status. */
export async function request(path: string, init?: RequestInit): Promise<Response> {
  const response = await fetch(path, init);
  if (!response.ok) {
    const problem = await response.json().catch(() => null);
    throw new Error(problem?.detail ?? problem?.title ?? `${path}: HTTP ${response.status}`);
  }
  return response;
}

const get = async <T>(path: string): Promise<T> => (await request(path, { headers: { Accept: "application/json" } })).json();

export const fetchAvatars = () => get<Avatar[]>("/api/avatars");
export const fetchVoices = () => get<Voice[]>("/api/voices");
export const fetchTopics = (lang: string) => get<string[]>(`/api/topics?lang=${encodeURIComponent(lang)}`);

/** Of the WebSocket, without a session's id. */
export const socketUrl = () => `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/ws`;
