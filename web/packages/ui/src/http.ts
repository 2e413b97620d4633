/** Requests that fail with what the server says (RFC 9457), else with the status. */
export class HttpError extends Error {
  constructor(
    readonly status: number,
    message: string,
    /** The problem document, where there was one. */
    readonly problem: Record<string, unknown> = {},
    readonly retryAfterS = 0,
  ) {
    super(message);
  }
}

export async function request(path: string, init?: RequestInit): Promise<Response> {
  const response = await fetch(path, init);
  if (!response.ok) {
    const problem = await response.json().catch(() => null);
    const wait = Number(response.headers?.get("Retry-After"));
    throw new HttpError(response.status, problem?.detail ?? problem?.title ?? `${path}: HTTP ${response.status}`, problem ?? {}, wait > 0 ? wait : 0);
  }
  return response;
}
