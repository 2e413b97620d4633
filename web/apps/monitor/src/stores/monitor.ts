/** The snapshot of the whole server, and what is worked out from one to the next. */
import { defineStore } from "pinia";
import { computed, ref, shallowRef, watch } from "vue";
import { get, read } from "../lib/api";
import { makePoller } from "../lib/poller";
import { rowsOf } from "../lib/prometheus";
import { MAX_RATES, ownLines, ratesBetween, type Rates } from "../lib/series";
import type { Snapshot } from "../lib/types";
import { useAccess } from "./access";

export interface Cache {
  name: string;
  hits: number;
  misses: number;
}
const CACHES_MS = 10_000;

export const useMonitor = defineStore("monitor", () => {
  const access = useAccess();
  const snapshot = shallowRef<Snapshot | null>(null);
  const rates = shallowRef<Rates[]>([]);
  const caches = shallowRef<Cache[]>([]);
  /** The server's at_ms of the first snapshot after a restart that was seen; 0: none was. */
  const restartedAt = ref(0);
  let cachesAt = 0;

  function take(now: Snapshot): void {
    const before = snapshot.value;
    snapshot.value = now;
    if (!before) return;
    if (now.uptime_s < before.uptime_s) {
      restartedAt.value = now.at_ms;
      rates.value = [];
      return;
    }
    const rate = ratesBetween(before, now);
    if (rate) rates.value = [...rates.value.slice(1 - MAX_RATES), rate];
  }

  /** Caches are told of in /metrics only. */
  async function readCaches(signal: AbortSignal): Promise<void> {
    if (Date.now() - cachesAt < CACHES_MS) return;
    cachesAt = Date.now();
    const metrics = await (await read("/metrics", signal)).text();
    const hits = rowsOf(metrics, "avatar_chat_cache_hits_total", "cache");
    const misses = rowsOf(metrics, "avatar_chat_cache_misses_total", "cache");
    caches.value = [...new Set([...hits.keys(), ...misses.keys()])].sort().map((name) => ({ name, hits: hits.get(name) ?? 0, misses: misses.get(name) ?? 0 }));
  }

  const poller = makePoller(async (signal) => {
    take(await get<Snapshot>("/api/monitor", signal));
    await readCaches(signal);
  });
  const poll = poller.state;

  /* Without the right token there is nothing to ask for. */
  watch(
    () => access.wanted,
    (wanted) => (wanted ? poller.stop() : poller.start()),
    { flush: "sync" },
  );

  const lines = computed(() => ownLines(snapshot.value?.history ?? [], rates.value));

  return { snapshot, rates, caches, restartedAt, poll, lines, take, start: poller.start, stop: poller.stop, retry: poller.now };
});
