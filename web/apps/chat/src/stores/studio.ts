/** Making an avatar of a photo or a video: what is chosen, how far it is, what came of it. */
import { defineStore } from "pinia";
import { computed, ref, shallowRef } from "vue";
import type { Avatar } from "../lib/api";
import { askMaking, cancelMaking, faultOf, fetchUploads, problemOf, removeAvatar, sendFile, type Making, type Problem, type Uploads, type Wish } from "../lib/uploads";
import { useCatalog } from "./catalog";
import { useSettings } from "./settings";

export type Stage = "form" | "sending" | "making" | "done";

export const ASK_MS = 500;
/** So often in a row the job may not be to be asked for, as when the server is out of reach for a moment. */
const PATIENCE = 20;
/** The session of this page takes a moment to show another person, longer while it opens one. */
const OWN_TRIES = 30;

const emptyWish = (): Wish => ({ name: "", gender: "", licence: "" });
const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

export const useStudio = defineStore("studio", () => {
  const catalog = useCatalog();
  const settings = useSettings();
  const uploads = ref<Uploads>({ allowed: false, max_bytes: 0 });
  const open = ref(false);
  const stage = ref<Stage>("form");
  const wish = ref<Wish>(emptyWish());
  const consent = ref(false);
  const file = shallowRef<File | null>(null);
  const sent = ref(0);
  const making = ref<Making | null>(null);
  const problem = ref<Problem | null>(null);
  let abort = new AbortController();

  const busy = computed(() => stage.value === "sending" || stage.value === "making");
  const ready = computed(() => !!file.value && wish.value.name.trim() !== "" && consent.value && !busy.value);

  /** Whether this page may make avatars; where that cannot be known it may not. */
  async function look(): Promise<void> {
    uploads.value = await fetchUploads().catch(() => ({ allowed: false, max_bytes: 0 }));
  }

  function show(): void {
    if (busy.value) return;
    stage.value = "form";
    wish.value = emptyWish();
    consent.value = false;
    file.value = problem.value = making.value = null;
    open.value = true;
  }

  function choose(chosen: File | null | undefined): void {
    if (!chosen) return;
    problem.value = faultOf(chosen, uploads.value.max_bytes);
    file.value = problem.value ? null : chosen;
    /* A file's name is often the person's; "IMG_2041" is not. */
    const name = chosen.name.replace(/\.[^.]*$/, "").replace(/[_-]+/g, " ").trim();
    if (file.value && !wish.value.name && /^[\p{L}][\p{L} .'’·]{0,39}$/u.test(name) && !/^(img|image|photo|video|dsc|pxl|mvi|screenshot)\b/i.test(name)) wish.value.name = name;
  }

  /** Asks until the job has ended. */
  async function follow(job: string, signal: AbortSignal): Promise<void> {
    for (let missed = 0; !signal.aborted; ) {
      try {
        making.value = await askMaking(job);
        missed = 0;
        if (making.value.state !== "waiting" && making.value.state !== "running") return;
      } catch (e) {
        const told = problemOf(e);
        if (told.code === "http_404" || ++missed > PATIENCE) throw e;
      }
      await pause(ASK_MS);
    }
  }

  async function make(): Promise<void> {
    if (!ready.value) return;
    const { signal } = (abort = new AbortController());
    problem.value = making.value = null;
    sent.value = 0;
    stage.value = "sending";
    try {
      const wanted = { ...wish.value, name: wish.value.name.trim(), licence: wish.value.licence.trim() };
      making.value = await sendFile(file.value!, wanted, (part) => (sent.value = part), signal);
      stage.value = "making";
      await follow(making.value.job, signal);
      if (signal.aborted) return;
      if (making.value.state !== "done") throw making.value;
      await catalog.load();
      stage.value = "done";
    } catch (e) {
      if (signal.aborted) return;
      stage.value = "form";
      problem.value = e === making.value && e ? (making.value!.problem ?? { code: making.value!.state, detail: "" }) : problemOf(e);
    }
  }

  /** Takes back what is under way, and leaves the form as it was. */
  function cancel(): void {
    if (!busy.value) return;
    abort.abort();
    if (making.value) void cancelMaking(making.value.job).catch(() => undefined);
    making.value = null;
    stage.value = "form";
  }

  function close(): void {
    if (!busy.value) open.value = false;
  }

  function use(): void {
    if (making.value?.avatar) settings.values.avatar = making.value.avatar.id;
    open.value = false;
  }

  /** Removes one; a person on the stage is changed for another first. Gives back why it is still there. */
  async function remove(avatar: Avatar): Promise<Problem | null> {
    const own = settings.values.avatar === avatar.id;
    if (own) settings.values.avatar = catalog.avatars.find((a) => a.id !== avatar.id)?.id ?? "";
    for (let i = 1; ; i++) {
      try {
        await removeAvatar(avatar.id);
        break;
      } catch (e) {
        const told = problemOf(e);
        if (told.code !== "shown" || i >= (own ? OWN_TRIES : 1)) return told;
        await pause(ASK_MS);
      }
    }
    await catalog.load();
    return null;
  }

  return { uploads, open, stage, wish, consent, file, sent, making, problem, busy, ready, look, show, choose, make, cancel, close, use, remove };
});
