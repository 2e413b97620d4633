/** Which span of time the charts show: the server's own half hour, or more from Prometheus. */
import { defineStore } from "pinia";
import { computed, ref, shallowRef, watch } from "vue";
import { makePoller, type Poller } from "../lib/poller";
import { queryLines, RANGES, stepOf, type Range } from "../lib/prometheus";
import { HALF_HOUR_MS, type Lines } from "../lib/series";
import { useMonitor } from "./monitor";
import { useSettings } from "./settings";

export type Span = "30m" | Range;

export const useLonger = defineStore("longer", () => {
  const settings = useSettings();
  const monitor = useMonitor();
  const span = ref<Span>("30m");
  const kept = shallowRef<{ lines: Lines; from: number; to: number } | null>(null);
  let poller: Poller | null = null;
  let unwatch = () => {};
  const error = ref("");
  const loading = ref(false);

  const chosen = computed<Span>(() => (settings.prometheus ? span.value : "30m"));

  function begin(range: Range, base: string): void {
    const seconds = RANGES[range];
    kept.value = null;
    loading.value = true;
    const mine = (poller = makePoller(async (signal) => {
      const to = Date.now();
      const lines = await queryLines(base, seconds, signal, Math.floor(to / 1000));
      if (poller === mine) kept.value = { lines, from: to - seconds * 1000, to };
    }, Math.max(15, stepOf(seconds)) * 1000));
    unwatch = watch(
      () => [mine.state.error, mine.state.loaded] as const,
      ([message, loaded]) => {
        error.value = message;
        loading.value = !loaded && !message;
      },
    );
    mine.start();
  }
  function end(): void {
    poller?.stop();
    unwatch();
    poller = null;
    error.value = "";
    loading.value = false;
  }

  /** While somebody looks at the charts. */
  const watched = ref(false);
  watch([chosen, () => settings.prometheus, watched], ([range, base, on]) => {
    end();
    if (on && range !== "30m") begin(range, base);
  });

  const view = computed(() => {
    if (chosen.value !== "30m") return kept.value;
    const to = monitor.snapshot?.at_ms ?? 0;
    return to ? { lines: monitor.lines, from: to - HALF_HOUR_MS, to } : null;
  });

  return { span, chosen, view, error, loading, watched };
});
