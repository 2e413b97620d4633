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

async function get<T>(path: string): Promise<T> {
  const response = await fetch(path, { headers: { Accept: "application/json" } });
  if (!response.ok) {
    const problem = await response.json().catch(() => null);
    throw new Error(problem?.detail ?? problem?.title ?? `${path}: HTTP ${response.status}`);
  }
  return response.json();
}

export const fetchAvatars = () => get<Avatar[]>("/api/avatars");
export const fetchVoices = () => get<Voice[]>("/api/voices");
export const fetchTopics = (lang: string) => get<string[]>(`/api/topics?lang=${encodeURIComponent(lang)}`);
