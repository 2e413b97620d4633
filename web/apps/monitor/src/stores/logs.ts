/** The end of the server's log, as it grows. */
import { defineStore } from "pinia";
import { computed, ref, shallowRef } from "vue";
import { get } from "../lib/api";
import { makePoller } from "../lib/poller";
import type { Level, LogLine } from "../lib/types";

/** As many as the server keeps. */
export const MAX_LINES = 2000;
const BATCH = 200;
const MAX_BATCHES = MAX_LINES / BATCH + 1;

export const useLogs = defineStore("logs", () => {
  const lines = shallowRef<LogLine[]>([]);
  const level = ref<Level>("info");
  const component = ref("");
  const text = ref("");
  const paused = ref(false);
  const follow = ref(true);
  let next = 0;

  function clear(): void {
    lines.value = [];
    next = 0;
  }

  const poller = makePoller(async (signal) => {
    for (let i = 0; i < MAX_BATCHES; i++) {
      const asked = level.value;
      const answer = await get<{ lines: LogLine[]; next: number }>(`/api/logs?since=${next}&level=${asked}&limit=${BATCH}`, signal);
      if (asked !== level.value) return;
      /* A server that was started anew counts from the beginning. */
      if (answer.next < next) return clear();
      const stuck = answer.next === next;
      next = answer.next;
      const last = lines.value[lines.value.length - 1]?.seq ?? -1;
      const fresh = answer.lines.filter((l) => l.seq > last);
      if (fresh.length) lines.value = [...lines.value, ...fresh].slice(-MAX_LINES);
      if (stuck || answer.lines.length < BATCH) return;
    }
  });

  function setLevel(wanted: Level): void {
    level.value = wanted;
    clear();
    if (!paused.value) {
      poller.stop();
      poller.start();
    }
  }
  function setPaused(wanted: boolean): void {
    paused.value = wanted;
    if (wanted) poller.stop();
    else poller.start();
  }

  const components = computed(() => [...new Set(lines.value.map((l) => l.component))].sort());
  const matching = computed(() => {
    const wanted = text.value.trim().toLowerCase();
    return lines.value.filter((l) => (!component.value || l.component === component.value) && (!wanted || wholeText(l).toLowerCase().includes(wanted)));
  });

  return { lines, level, component, text, paused, follow, components, matching, poll: poller.state, poller, clear, setLevel, setPaused };
});

/** All that can be searched for. */
export const wholeText = (line: LogLine) => `${line.level} ${line.component} ${line.event} ${line.text}`;
