/** Avatars of photos and videos (docs/protocol.md): sending the file, asking for the job, removing one. */
import { HttpError, request } from "@avatar-chat/ui";
import type { Avatar } from "./api";
import { clientName } from "./identity";
import { authorization } from "./token";

export interface Uploads {
  allowed: boolean;
  max_bytes: number;
}

export interface Wish {
  name: string;
  gender: "" | "female" | "male";
  licence: string;
}

export interface Problem {
  /** The refusal as a word. */
  code: string;
  /** The server's own sentence. */
  detail: string;
}

export interface Making {
  job: string;
  state: "waiting" | "running" | "done" | "failed" | "cancelled";
  progress: number;
  step: string;
  found: string[];
  avatar: Avatar | null;
  problem: Problem | null;
}

const headers = (): Record<string, string> => ({ Accept: "application/json", ...authorization(), "X-Client-Id": clientName() });
const call = (path: string, method = "GET") => request(path, { method, cache: "no-store", headers: headers() });
const jobPath = (job: string) => `/api/avatars/jobs/${encodeURIComponent(job)}`;

export const fetchUploads = async (): Promise<Uploads> => (await (await call("/api/status")).json()).uploads ?? { allowed: false, max_bytes: 0 };
export const askMaking = async (job: string): Promise<Making> => (await call(jobPath(job))).json();
export const cancelMaking = (job: string) => call(jobPath(job), "DELETE");
export const removeAvatar = (id: string) => call(`/api/avatars/${encodeURIComponent(id)}`, "DELETE");

/** What went wrong, as a word and a sentence. */
export function problemOf(error: unknown): Problem {
  if (error instanceof HttpError) return { code: typeof error.problem.code === "string" ? error.problem.code : `http_${error.status}`, detail: error.message };
  return { code: "network", detail: error instanceof Error ? error.message : "" };
}

/** A refusal that needs no server: what the browser can see of the file. */
export function faultOf(file: Pick<File, "type" | "size">, maxBytes: number): Problem | null {
  /* Some systems know no type for some files: the server looks into them. */
  if (file.type && !/^(image|video)\//.test(file.type)) return { code: "file_kind", detail: "" };
  if (file.size === 0) return { code: "empty", detail: "" };
  return maxBytes && file.size > maxBytes ? { code: "file_large", detail: "" } : null;
}

/** Sends the file; tells how much is sent, 0…1. An abort rejects with an AbortError. XHR, since fetch tells no progress. */
export function sendFile(file: Blob, wish: Wish, onProgress: (sent: number) => void, signal: AbortSignal): Promise<Making> {
  const query = new URLSearchParams({ name: wish.name, gender: wish.gender, licence: wish.licence, consent: "true" });
  return new Promise((done, fail) => {
    const xhr = new XMLHttpRequest();
    const aborted = () => fail(new DOMException("", "AbortError"));
    xhr.open("POST", `/api/avatars?${query}`);
    xhr.responseType = "json";
    for (const [name, value] of Object.entries(headers())) xhr.setRequestHeader(name, value);
    xhr.setRequestHeader("Content-Type", file.type || "application/octet-stream");
    xhr.upload.onprogress = (e) => e.lengthComputable && onProgress(e.loaded / e.total);
    xhr.onload = () => {
      if (xhr.status === 202) return done(xhr.response as Making);
      const problem = (xhr.response ?? {}) as Record<string, unknown>;
      fail(new HttpError(xhr.status, typeof problem.detail === "string" ? problem.detail : `HTTP ${xhr.status}`, problem));
    };
    xhr.onerror = () => fail(new Error(""));
    xhr.onabort = aborted;
    signal.addEventListener("abort", () => xhr.abort(), { once: true });
    if (signal.aborted) return aborted();
    xhr.send(file);
  });
}
