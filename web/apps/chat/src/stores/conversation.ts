/**
 * The conversation: what was asked and answered, what the person is doing, how the connection is.
 *
 * The store owns the client and, while a stage is on the page, the player. Turns are numbered by the server: a question waits
 * without a number until the first message of its turn names it. What is spoken stands in the list from its first word on, and its
 * turn begins when the server says so: several utterances may get one answer.
 */
import { AvatarClient, AvatarPlayer, connectPlayer, type AsrResult, type ClientOptions, type ConnectionEvent, type Listen, type Marks, type Prefs, type SessionReady, type Subtitle, type TurnState } from "@avatar-chat/client";
import { defineStore } from "pinia";
import { computed, ref, shallowRef } from "vue";

export interface Message {
  id: number;
  role: "user" | "assistant";
  text: string;
  turn: number | null;
  state: "hearing" | "waiting" | "streaming" | "done" | "stopped" | "failed";
  /** Of a spoken question that is still being recognised. */
  utterance?: number;
  marks?: Marks;
}

export interface Notice {
  id: number;
  kind: "error" | "warning";
  key?: string;
  params?: Record<string, string>;
  text?: string;
}

const MAX_NOTICES = 3;

/** Ids of one page load; counted, since messages may come in the same millisecond. */
let nextId = 1;

export const useConversation = defineStore("conversation", () => {
  const messages = ref<Message[]>([]);
  const notices = ref<Notice[]>([]);
  const turnState = ref<TurnState>("idle");
  const turn = ref(-1);
  const playing = ref(false);
  const blocked = ref(false);
  const subtitle = shallowRef<Subtitle | null>(null);
  const connection = shallowRef<ConnectionEvent>({ status: "connecting", retryInMs: 0, attempt: 0 });
  const retryAt = ref(0);
  const ready = shallowRef<SessionReady | null>(null);
  const listening = shallowRef<Listen | null>(null);
  /** The utterance that the user is in, by the server; 0: none. */
  const hearing = ref(0);
  /** The last utterance that gave no text. */
  const notUnderstood = ref(0);
  /** The last whole answer, for screen readers. */
  const announced = ref("");

  const client = shallowRef<AvatarClient | null>(null);
  const player = shallowRef<AvatarPlayer | null>(null);
  let part: (() => void) | null = null;

  const connected = computed(() => connection.value.status === "connected");
  const busy = computed(
    () => playing.value || turnState.value === "thinking" || turnState.value === "speaking" || messages.value.some((m) => m.state === "waiting"),
  );
  /** What to show: the picture speaks as long as it is played, not as long as it is sent. */
  const shownState = computed<TurnState>(() => {
    if (playing.value) return "speaking";
    if (hearing.value) return "listening";
    return turnState.value === "speaking" ? "thinking" : turnState.value;
  });

  function notify(notice: Omit<Notice, "id">): void {
    const same = (n: Notice) => n.key === notice.key && n.text === notice.text;
    notices.value = [...notices.value.filter((n) => !same(n)), { ...notice, id: nextId++ }].slice(-MAX_NOTICES);
  }

  function dismiss(id: number): void {
    notices.value = notices.value.filter((n) => n.id !== id);
  }

  /** The answer of a turn; the oldest question without a number becomes this turn's. */
  function answerOf(id: number): Message | undefined {
    const known = messages.value.find((m) => m.role === "assistant" && m.turn === id);
    if (known) return known;
    const waiting = messages.value.find((m) => m.role === "assistant" && m.turn === null && m.state === "waiting");
    if (waiting) waiting.turn = id;
    return waiting;
  }

  function settle(message: Message | undefined, state: Message["state"]): void {
    if (message && (message.state === "waiting" || message.state === "streaming")) message.state = state;
  }

  function onConnection(event: ConnectionEvent): void {
    connection.value = event;
    retryAt.value = event.retryInMs ? Date.now() + event.retryInMs : 0;
    if (event.status === "connected") return;
    turnState.value = "idle";
    hearing.value = 0;
    messages.value = messages.value.filter((m) => m.state !== "hearing");
    /* The server may count its turns anew. */
    turn.value = -1;
    for (const m of messages.value) {
      settle(m, m.text ? "stopped" : "failed");
      m.turn = null;
    }
  }

  function heard(utterance: number): Message | undefined {
    return messages.value.find((m) => m.state === "hearing" && m.utterance === utterance);
  }

  function onVoice(utterance: number, speech: boolean): void {
    if (!speech) {
      if (hearing.value === utterance) hearing.value = 0;
      return;
    }
    hearing.value = utterance;
    player.value?.warm();
    if (!heard(utterance)) messages.value.push({ id: nextId++, role: "user", text: "", turn: null, state: "hearing", utterance });
  }

  function onResult({ utterance, text }: AsrResult): void {
    const message = heard(utterance);
    if (!text) {
      messages.value = messages.value.filter((m) => m !== message);
      notUnderstood.value = utterance;
      return;
    }
    notUnderstood.value = 0;
    if (message) Object.assign(message, { text, state: "done", utterance: undefined });
    else messages.value.push({ id: nextId++, role: "user", text, turn: null, state: "done" });
    performance.mark("avatar:asked");
  }

  /** What was spoken has no answer on the page yet when its turn begins. */
  function onThinking(id: number): void {
    if (!answerOf(id)) messages.value.push({ id: nextId++, role: "assistant", text: "", turn: id, state: "waiting" });
  }

  function listenTo(c: AvatarClient): void {
    c.on("vad", ({ utterance, speech }) => onVoice(utterance, speech));
    c.on("asr_partial", ({ utterance, text }) => {
      const message = heard(utterance);
      if (message && text) message.text = text;
    });
    c.on("asr_result", onResult);
    c.on("listen", (data) => (listening.value = data));
  }

  function listen(c: AvatarClient): void {
    listenTo(c);
    c.on("connection", onConnection);
    c.on("session_ready", (data) => {
      ready.value = data;
      listening.value = data.listen ?? null;
    });
    c.on("state", (data) => {
      turnState.value = data.state;
      if (data.state === "thinking" || data.state === "speaking") {
        turn.value = data.turn;
        if (data.state === "thinking") onThinking(data.turn);
      }
    });
    c.on("text_chunk", (data) => {
      const message = answerOf(data.turn);
      if (!message || message.state === "stopped") return;
      message.text += data.chunk;
      message.state = "streaming";
    });
    c.on("text_done", (data) => {
      const message = answerOf(data.turn);
      if (!message) return;
      if (data.text) message.text = data.text;
      settle(message, "done");
      announced.value = message.text;
    });
    c.on("turn_done", (data) => {
      const message = answerOf(data.turn);
      if (message) message.marks = data.marks;
      settle(message, message?.text ? "done" : "failed");
    });
    c.on("interrupted", ({ turn: id }) => {
      const message = id === null ? undefined : answerOf(id);
      /* Also one whose text is whole: it was not heard to its end. */
      if (message && message.state !== "failed") message.state = "stopped";
    });
    c.on("degraded", ({ stage, from, to, reason }) =>
      notify({ kind: "warning", key: "notice.degraded", params: { stage, from, to, reason } }),
    );
    c.on("error", (data) => {
      notify({ kind: data.retryable ? "warning" : "error", text: data.message });
      if (data.turn === undefined && turnState.value === "idle")
        settle(messages.value.find((m) => m.state === "waiting"), "failed");
    });
    c.on("protocol_error", (data) => console.warn("avatar-chat:", data.message));
  }

  function start(options: ClientOptions): void {
    if (client.value) return;
    client.value = new AvatarClient(options);
    listen(client.value);
    client.value.connect();
  }

  function attach(root: HTMLElement, prefs: Prefs): AvatarPlayer {
    const p = new AvatarPlayer(root, { delivery: prefs.delivery });
    player.value = p;
    p.on("playing", (e) => (playing.value = e.playing));
    p.on("subtitle", (e) => (subtitle.value = e));
    p.on("blocked", (e) => (blocked.value = e));
    p.on("error", (e) => notify({ kind: "error", key: "notice.player", params: { message: e.message } }));
    p.on("mark", ({ name, turn: id }) => performance.mark(`avatar:${name}`, { detail: { turn: id } }));
    if (client.value) part = connectPlayer(client.value, p);
    return p;
  }

  function detach(): void {
    part?.();
    player.value?.destroy();
    player.value = part = null;
    playing.value = false;
  }

  /** False when it could not be sent: the caller keeps the text. */
  function ask(text: string): boolean {
    const question = text.trim();
    if (!question) return false;
    player.value?.unlock();
    player.value?.warm();
    const idleMs = player.value?.idleMs();
    stopPlayback();
    if (!client.value?.text(question, idleMs)) {
      notify({ kind: "warning", key: "notice.notConnected" });
      return false;
    }
    performance.mark("avatar:asked");
    messages.value.push({ id: nextId++, role: "user", text: question, turn: null, state: "done" });
    messages.value.push({ id: nextId++, role: "assistant", text: "", turn: null, state: "waiting" });
    return true;
  }

  function stopPlayback(): void {
    player.value?.stop(busy.value ? Math.max(turn.value, -1) : undefined);
  }

  function stop(): void {
    if (!busy.value) return;
    stopPlayback();
    client.value?.interrupt();
  }

  function clear(): void {
    stop();
    messages.value = [];
  }

  return {
    messages, notices, turnState, playing, blocked, subtitle, connection, retryAt, ready, announced, client, player,
    listening, hearing, notUnderstood,
    connected, busy, shownState, notify, dismiss, start, attach, detach, ask, stop, clear,
  };
});
