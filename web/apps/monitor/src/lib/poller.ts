/**
 * Does something again and again: every `visibleMs`, more rarely while the tab is hidden, and more and more rarely while it
 * fails. One run at a time.
 */
import { HttpError } from "@avatar-chat/ui";
import { reactive } from "vue";

export const VISIBLE_MS = 2000;
export const HIDDEN_MS = 5000;
export const MAX_BACKOFF_MS = 30_000;

export interface PollState {
  /** A run has succeeded at least once. */
  loaded: boolean;
  /** Of the last run; "" after a success. */
  error: string;
  failures: number;
  /** When it is tried again, Date.now(); 0: not at all, or right now. */
  nextAt: number;
}

export interface Poller {
  state: PollState;
  start(): void;
  stop(): void;
  now(): void;
}

/** The wait after so many failures in a row; `luck` 0…1 spreads the panels of several people. */
export function backoffMs(base: number, failures: number, retryAfterS = 0, luck = Math.random()): number {
  const wait = Math.min(MAX_BACKOFF_MS, base * 2 ** Math.min(failures, 10)) * (0.9 + 0.2 * luck);
  return Math.max(wait, retryAfterS * 1000);
}

export function makePoller(run: (signal: AbortSignal) => Promise<void>, visibleMs = VISIBLE_MS, hiddenMs = Math.max(HIDDEN_MS, visibleMs)): Poller {
  const state = reactive<PollState>({ loaded: false, error: "", failures: 0, nextAt: 0 });
  let timer: ReturnType<typeof setTimeout> | undefined;
  let running: AbortController | null = null;
  let live = false;

  const plan = (ms: number) => {
    state.nextAt = Date.now() + ms;
    timer = setTimeout(once, ms);
  };

  async function once(): Promise<void> {
    clearTimeout(timer);
    if (!live || running) return;
    const mine = (running = new AbortController());
    state.nextAt = 0;
    let retryAfterS = 0;
    try {
      await run(mine.signal);
      if (mine.signal.aborted) return;
      state.loaded = true;
      state.failures = 0;
      state.error = "";
    } catch (e) {
      if (mine.signal.aborted) return;
      state.failures++;
      state.error = (e as Error).message || String(e);
      if (e instanceof HttpError) retryAfterS = e.retryAfterS;
    } finally {
      if (running === mine) running = null;
    }
    if (!live) return;
    const base = document.hidden ? hiddenMs : visibleMs;
    plan(state.failures ? backoffMs(base, state.failures, retryAfterS) : base);
  }

  /* Who comes back to the tab sees what is now, not what was. */
  const onVisible = () => {
    if (!document.hidden && !state.failures) void once();
  };

  return {
    state,
    start() {
      if (live) return;
      live = true;
      document.addEventListener("visibilitychange", onVisible);
      void once();
    },
    stop() {
      live = false;
      clearTimeout(timer);
      running?.abort();
      running = null;
      state.nextAt = 0;
      document.removeEventListener("visibilitychange", onVisible);
    },
    now() {
      if (live) void once();
    },
  };
}
