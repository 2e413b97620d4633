/**
 * The conversation: what was asked and answered, what the person is doing, how the connection is.
 *
 * The store owns the client and, while a stage is on the page, the player. Turns are numbered by the server: a question waits
 * without a number until the first message of its turn names it. What is spoken stands in the list from its first word on, and its
 * turn begins when the server says so: several utterances may get one answer.
 *
 * It also knows which of the kept conversations this is (store `history` has the list of them). The server's own record is read
 * when one is opened; after a reconnect the page keeps its own, which says more (what failed, how fast it was).
 */
import { AvatarClient, AvatarPlayer, connectPlayer, type AsrResult, type ClientOptions, type ConnectionEvent, type Listen, type Marks, type PastConversation, type Prefs, type ServerMessages, type SessionReady, type Subtitle, type TurnState } from "@avatar-chat/client";
import { defineStore } from "pinia";
import { computed, ref, shallowRef, watch } from "vue";
import { clientName, currentConversation, keepConversation } from "../lib/identity";
import { splitThoughts } from "../lib/thoughts";
import { clientToken } from "../lib/token";

export interface Message {
  id: number;
  role: "user" | "assistant";
  text: string;
  turn: number | null;
  state: "hearing" | "waiting" | "streaming" | "done" | "stopped" | "failed";
  /** Of a spoken question that is still being recognised. */
  utterance?: number;
  marks?: Marks;
  /** What went wrong in this turn, in the server's words. */
  faults?: Fault[];
  /** Of a past message: when, Unix time. */
  at?: number;
}

export interface Fault {
  text: string;
  retryable: boolean;
}

export interface Notice {
  id: number;
  kind: "error" | "warning";
  key?: string;
  params?: Record<string, string>;
  text?: string;
}

const MAX_NOTICES = 3;
const MAX_FAULTS = 3;
/** Sliders tell a new value with each picture; the server takes few messages a second. */
const CONFIG_MS = 200;

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

  /** Of the kept conversation; empty: none yet. */
  const id = ref("");
  const title = ref("");
  /** The conversation that has been asked for and is on its way. */
  const opening = ref("");
  /** Counts what changes the list of conversations. */
  const changes = ref(0);

  const client = shallowRef<AvatarClient | null>(null);
  const player = shallowRef<AvatarPlayer | null>(null);
  let part: (() => void) | null = null;
  /** Turns up to this one belong to a conversation that has been left. */
  let leftTurns = -1;
  let unsaid: Prefs | null = null;
  let saying: ReturnType<typeof setTimeout> | undefined;

  watch(id, keepConversation, { flush: "sync" });

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
    if (id <= leftTurns) return undefined;
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
    turn.value = leftTurns = -1;
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
    if (id > leftTurns && !answerOf(id)) messages.value.push({ id: nextId++, role: "assistant", text: "", turn: id, state: "waiting" });
  }

  function onConversation(past: PastConversation): void {
    const wanted = opening.value === past.id;
    opening.value = "";
    if (wanted || (messages.value.length === 0 && past.messages.length > 0)) {
      const old = past.messages.map<Message>(({ role, text, at_ms, interrupted }) => ({
        id: nextId++, role, text, turn: null, at: at_ms, state: interrupted ? "stopped" : "done",
      }));
      /* Behind them, what has been asked since. */
      messages.value = [...old, ...messages.value];
    }
    id.value = past.id;
    title.value = past.title;
    changes.value++;
  }

  /** At the answer it belongs to; else in front of all. */
  function onError(data: ServerMessages["error"]): void {
    const waiting = data.turn === undefined && turnState.value === "idle" ? messages.value.find((m) => m.state === "waiting") : undefined;
    const message = data.turn === undefined ? waiting : answerOf(data.turn);
    if (!message) return notify({ kind: data.retryable ? "warning" : "error", text: data.message });
    const others = (message.faults ?? []).filter((f) => f.text !== data.message);
    message.faults = [...others, { text: data.message, retryable: data.retryable }].slice(-MAX_FAULTS);
    if (waiting) settle(waiting, "failed");
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
      /* Without a text it is over when the turn is. */
      if (message.text) settle(message, "done");
      announced.value = splitThoughts(message.text).answer;
    });
    c.on("turn_done", (data) => {
      const message = answerOf(data.turn);
      if (message) message.marks = data.marks;
      settle(message, message?.text ? "done" : "failed");
      changes.value++;
    });
    c.on("interrupted", ({ turn: id }) => {
      const message = id === null ? undefined : answerOf(id);
      /* Also one whose text is whole: it was not heard to its end. */
      if (message && message.state !== "failed") message.state = "stopped";
      changes.value++;
    });
    c.on("conversation", onConversation);
    c.on("conversation_gone", ({ message }) => {
      opening.value = id.value = title.value = "";
      notify({ kind: "warning", ...(message ? { text: message } : { key: "notice.conversationGone" }) });
      changes.value++;
    });
    c.on("degraded", ({ stage, from, to, reason }) =>
      notify({ kind: "warning", key: `notice.${stage !== "avatar" ? "degraded" : from === to ? "saves" : "standIn"}`, params: { stage, from, to, reason } }),
    );
    c.on("error", onError);
    c.on("protocol_error", (data) => console.warn("avatar-chat:", data.message));
  }

  function start(options: ClientOptions): void {
    if (client.value) return;
    id.value = opening.value = currentConversation();
    client.value = new AvatarClient({ client: clientName(), token: clientToken, conversation: id.value, ...options });
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
    sayPrefs();
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

  /** Other choices; said a moment later, so that many in a row are one, and before the next question. */
  function configure(prefs: Prefs): void {
    unsaid = prefs;
    clearTimeout(saying);
    saying = setTimeout(sayPrefs, CONFIG_MS);
  }

  function sayPrefs(): void {
    clearTimeout(saying);
    if (unsaid) client.value?.config(unsaid);
    unsaid = null;
  }

  /** The question(s) that an answer answers. */
  function questionsOf(answer: Message): Message[] {
    const end = messages.value.indexOf(answer);
    let from = end;
    while (from > 0 && messages.value[from - 1].role === "user") from--;
    return messages.value.slice(from, end);
  }

  function canRetry(answer: Message): boolean {
    const faults = answer.faults ?? [];
    const over = answer.state === "failed" || (faults.length > 0 && answer.state !== "waiting" && answer.state !== "streaming");
    return over && faults.every((f) => f.retryable) && questionsOf(answer).length > 0;
  }

  /** Asks again what got no answer; at the end of the list the failed attempt is replaced. */
  function retry(answer: Message): void {
    const questions = questionsOf(answer);
    const wasLast = messages.value[messages.value.length - 1] === answer;
    if (!ask(questions.map((q) => q.text).join("\n")) || !wasLast) return;
    messages.value = messages.value.filter((m) => m !== answer && !questions.includes(m));
  }

  function converse(wanted: string): void {
    stop();
    leftTurns = turn.value + messages.value.filter((m) => m.state === "waiting" && m.turn === null).length;
    messages.value = [];
    announced.value = title.value = "";
    id.value = opening.value = wanted === "new" ? "" : wanted;
    client.value?.converse(wanted);
  }

  const begin = () => converse("new");

  function reopen(wanted: string): void {
    if (wanted !== id.value) converse(wanted);
  }

  /** It has been deleted, or all have. */
  function forget(gone?: string): void {
    if (gone === undefined || gone === id.value) begin();
  }

  return {
    messages, notices, turnState, playing, blocked, subtitle, connection, retryAt, ready, announced, client, player,
    listening, hearing, notUnderstood,
    connected, busy, shownState, notify, dismiss, start, attach, detach, ask, stop,
    id, title, opening, changes, configure, canRetry, retry, begin, reopen, forget,
  };
});
