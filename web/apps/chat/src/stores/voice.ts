/** The microphone of the page: on or off, how loud it is, which ones there are, and what is wrong with it. */
import { microphones, VoiceInput, type MicDevice, type MicFault, type VoiceStatus } from "@avatar-chat/client";
import workletUrl from "@avatar-chat/client/capture.worklet?worker&url";
import { defineStore } from "pinia";
import { computed, ref, shallowRef, watch } from "vue";
import { useConversation } from "./conversation";
import { useSettings } from "./settings";

/** Quieter is no sound at all: a microphone that is off or muted. */
const SILENT_DB = -85;
const SILENT_MS = 4000;
/** The meter shows from here to full scale. */
const QUIETEST_DB = -60;

/** Of the meter, 0…1. */
export const meterOf = (db: number) => Math.min(1, Math.max(0, 1 - db / QUIETEST_DB));

export const useVoice = defineStore("voice", () => {
  const conversation = useConversation();
  const settings = useSettings();
  const status = ref<VoiceStatus>("off");
  const label = ref("");
  const level = ref(0);
  /** Nothing at all has come from the microphone for a while. */
  const silent = ref(false);
  const fault = ref<MicFault | "">("");
  const detail = ref("");
  const devices = shallowRef<MicDevice[]>([]);
  let input: VoiceInput | null = null;
  let loudAt = 0;

  const on = computed(() => status.value !== "off");
  const mode = computed(() => settings.values.micMode);
  /** The server listens, or will in a moment. */
  const available = computed(() => !!conversation.listening && (conversation.listening.available || conversation.listening.loading));

  async function findDevices(): Promise<void> {
    devices.value = await microphones().catch(() => []);
  }

  function onLevel(db: number): void {
    const now = performance.now();
    const wanted = meterOf(db);
    /* Up at once, down slowly, as meters do. */
    level.value = Math.max(wanted, level.value * 0.8);
    if (db > SILENT_DB) loudAt = now;
    silent.value = now - loudAt > SILENT_MS;
  }

  function voice(): VoiceInput | null {
    if (input || !conversation.client) return input;
    input = new VoiceInput(conversation.client, { workletUrl, idleMs: () => conversation.player?.idleMs() });
    input.on("status", (e) => {
      status.value = e.status;
      label.value = e.label;
      level.value = 0;
      silent.value = false;
      loudAt = performance.now();
      if (e.status !== "on") return;
      fault.value = "";
      void findDevices(); /* their names are known now */
    });
    input.on("level", ({ db }) => onLevel(db));
    input.on("error", (e) => {
      fault.value = e.fault;
      detail.value = e.message;
    });
    navigator.mediaDevices?.addEventListener?.("devicechange", () => void findDevices());
    return input;
  }

  /** Inside a user gesture. */
  function start(): void {
    if (!conversation.connected) return conversation.notify({ kind: "warning", key: "notice.notListening" });
    fault.value = "";
    conversation.notUnderstood = 0;
    conversation.player?.unlock();
    conversation.player?.warm();
    /* Whoever presses the button wants to speak now. */
    if (mode.value === "push_to_talk") conversation.stop();
    void voice()?.start(mode.value, settings.values.micDevice);
  }

  function stop(): void {
    void input?.stop();
  }

  const toggle = () => (on.value ? stop() : start());

  function dismiss(): void {
    fault.value = "";
  }

  /* Another way to listen ends the old one; another microphone goes on at once. */
  watch(mode, stop);
  watch(
    () => settings.values.micDevice,
    () => on.value && start(),
  );

  return { status, label, level, silent, fault, detail, devices, on, mode, available, start, stop, toggle, dismiss, findDevices };
});
