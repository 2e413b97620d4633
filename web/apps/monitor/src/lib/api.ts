/** Asks the server; the admin token goes along in a header, never in an address. */
import { HttpError, request } from "@avatar-chat/ui";
import { useAccess } from "../stores/access";

export const TIMEOUT_MS = 10_000;

async function send(path: string, init: RequestInit & { signal?: AbortSignal } = {}): Promise<Response> {
  const { token } = useAccess();
  const own = new AbortController();
  const late = setTimeout(() => own.abort(new Error(`${path}: no answer in ${TIMEOUT_MS / 1000} s`)), TIMEOUT_MS);
  const giveUp = () => own.abort(init.signal?.reason);
  init.signal?.addEventListener("abort", giveUp);
  try {
    return await request(path, {
      cache: "no-store",
      ...init,
      signal: own.signal,
      headers: { Accept: "application/json", ...init.headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) },
    });
  } finally {
    clearTimeout(late);
    init.signal?.removeEventListener("abort", giveUp);
  }
}

/** Reads; where the server wants the admin token, the panel asks for it. */
export async function read(path: string, signal?: AbortSignal): Promise<Response> {
  try {
    return await send(path, { signal });
  } catch (e) {
    if (e instanceof HttpError && (e.status === 401 || e.status === 403)) useAccess().ask(e.message);
    throw e;
  }
}

export const get = async <T>(path: string, signal?: AbortSignal): Promise<T> => (await read(path, signal)).json();

/** Changes something; a refusal is the caller's to show. */
export async function change<T>(method: "PUT" | "DELETE", path: string, body?: unknown): Promise<T | null> {
  const response = await send(path, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
  });
  return response.status === 204 ? null : response.json();
}
