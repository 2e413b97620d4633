/** All sessions, and one of them with its turns. */
import { HttpError } from "@avatar-chat/ui";
import { defineStore } from "pinia";
import { ref, shallowRef } from "vue";
import { change, get } from "../lib/api";
import { makePoller } from "../lib/poller";
import type { SessionDetail, SessionList } from "../lib/types";

const path = (id: string) => `/api/sessions/${encodeURIComponent(id)}`;

export const useSessions = defineStore("sessions", () => {
  const list = shallowRef<SessionList>({ sessions: [], queue: [] });
  const detail = shallowRef<SessionDetail | null>(null);
  /** The session of `detail` has ended; what is shown is its last state. */
  const over = ref(false);
  const readAt = ref(0);
  let watched = "";

  const listPoller = makePoller(async (signal) => {
    list.value = await get<SessionList>("/api/sessions", signal);
    readAt.value = Date.now();
  });
  const detailPoller = makePoller(async (signal) => {
    try {
      detail.value = await get<SessionDetail>(path(watched), signal);
      readAt.value = Date.now();
    } catch (e) {
      if (!(e instanceof HttpError && e.status === 404)) throw e;
      over.value = true;
      detailPoller.stop();
    }
  });

  function watchOne(id: string): void {
    detailPoller.stop();
    watched = id;
    over.value = false;
    if (detail.value?.id !== id) detail.value = null;
    detailPoller.state.loaded = false;
    detailPoller.start();
  }

  /** A session that has just gone by itself is stopped, too. */
  async function stop(id: string): Promise<void> {
    await change("DELETE", path(id)).catch((e) => {
      if (!(e instanceof HttpError && e.status === 404)) throw e;
    });
    list.value = { ...list.value, sessions: list.value.sessions.filter((s) => s.id !== id) };
    if (watched === id) detailPoller.now();
  }

  return { list, detail, over, readAt, listPoll: listPoller.state, detailPoll: detailPoller.state, listPoller, detailPoller, watchOne, stop };
});
