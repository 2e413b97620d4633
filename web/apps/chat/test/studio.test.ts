/** Making an avatar: what the browser can refuse, sending, following the job, refusals in words, removing. */
import { createPinia, setActivePinia } from "pinia";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { en } from "../src/i18n/en";
import { zhCN } from "../src/i18n/zh-CN";
import type { Avatar } from "../src/lib/api";
import { CLIENT_KEY } from "../src/lib/identity";
import { faultOf } from "../src/lib/uploads";
import { useCatalog } from "../src/stores/catalog";
import { useSettings } from "../src/stores/settings";
import { useStudio } from "../src/stores/studio";

/** Enough of XMLHttpRequest: the test answers. */
class FakeXhr {
  static last: FakeXhr;
  upload: { onprogress?: (e: { lengthComputable: boolean; loaded: number; total: number }) => void } = {};
  onload?: () => void;
  onerror?: () => void;
  onabort?: () => void;
  status = 0;
  response: unknown = null;
  responseType = "";
  url = "";
  body: unknown = null;
  headers: Record<string, string> = {};
  constructor() {
    FakeXhr.last = this;
  }
  open(_method: string, url: string) {
    this.url = url;
  }
  setRequestHeader(name: string, value: string) {
    this.headers[name] = value;
  }
  send(body: unknown) {
    this.body = body;
  }
  abort() {
    this.onabort?.();
  }
  answer(status: number, response: unknown) {
    Object.assign(this, { status, response });
    this.onload?.();
  }
}

const job = (state: string, more = {}) => ({ job: "j1", state, id: "ann", progress: 0.5, step: "looking for the face", found: ["a face"], avatar: null, problem: null, ...more });
const ann = { id: "ann", name: "Ann", poster: "/p", idle: "/i", preview: "/v", removable: true } as Avatar;
const photo = (name = "ann.jpg", type = "image/jpeg", size = 10) => new File([new Uint8Array(size)], name, { type });
let calls: string[] = [];
let answers: Record<string, { status?: number; body?: unknown }[]> = {};

beforeEach(() => {
  localStorage.clear();
  localStorage.setItem(CLIENT_KEY, "c".repeat(32));
  setActivePinia(createPinia());
  vi.useFakeTimers();
  vi.stubGlobal("XMLHttpRequest", FakeXhr);
  calls = [];
  answers = { "GET /api/avatars": [{ body: [] }], "GET /api/voices": [{ body: [] }], "DELETE /api/avatars/jobs/j1": [{ status: 204 }] };
  vi.stubGlobal("fetch", async (path: string, init?: RequestInit) => {
    const key = `${init?.method ?? "GET"} ${path}`;
    calls.push(key);
    const list = answers[key] ?? [{ status: 404, body: { detail: "there is no such job (any more)" } }];
    const { status = 200, body = null } = list.length > 1 ? list.shift()! : list[0];
    return { ok: status < 300, status, json: async () => body };
  });
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

/** A form that is filled in, and sent. */
function begin() {
  const studio = useStudio();
  studio.show();
  studio.choose(photo());
  studio.wish.name = " Ann ";
  studio.wish.gender = "female";
  studio.wish.licence = "own & free";
  studio.consent = true;
  const made = studio.make();
  return { studio, made };
}
const settle = () => vi.advanceTimersByTimeAsync(3000);

describe("files", () => {
  it.each([
    ["a photo", photo(), ""],
    ["a video", photo("a.mov", "video/quicktime"), ""],
    ["of no known type", photo("a.mkv", ""), ""],
    ["a text", photo("a.txt", "text/plain"), "file_kind"],
    ["an empty one", photo("a.jpg", "image/jpeg", 0), "empty"],
    ["a large one", photo("a.jpg", "image/jpeg", 101), "file_large"],
  ])("%s", (_name, file, code) => expect(faultOf(file, 100)?.code ?? "").toBe(code));

  it.each([
    ["Eileen_Collins.jpg", "Eileen Collins"],
    ["柯林斯.png", "柯林斯"],
    ["IMG_2041.jpg", ""],
    ["photo.jpg", ""],
    ["20240101.jpg", ""],
  ])("offers a name for %s", (file, name) => {
    const studio = useStudio();
    studio.show();
    studio.choose(photo(file));
    expect(studio.wish.name).toBe(name);
  });

  it("keeps what is no picture out, and says why", () => {
    const studio = useStudio();
    studio.show();
    studio.choose(photo());
    studio.choose(photo("a.pdf", "application/pdf"));
    expect([studio.file, studio.problem?.code]).toEqual([null, "file_kind"]);
    studio.choose(photo());
    expect(studio.problem).toBeNull();
  });
});

it("is ready with a file, a name and consent", () => {
  const studio = useStudio();
  studio.show();
  expect(studio.ready).toBe(false);
  studio.choose(photo());
  studio.wish.name = "Ann";
  expect(studio.ready).toBe(false);
  studio.consent = true;
  expect(studio.ready).toBe(true);
  studio.wish.name = "  ";
  expect(studio.ready).toBe(false);
});

it("sends, follows the job, and uses what came of it", async () => {
  const { studio, made } = begin();
  const xhr = FakeXhr.last;
  const query = new URLSearchParams(xhr.url.split("?")[1]);
  expect(Object.fromEntries(query)).toEqual({ name: "Ann", gender: "female", licence: "own & free", consent: "true" });
  expect(xhr.headers).toMatchObject({ "X-Client-Id": "c".repeat(32), "Content-Type": "image/jpeg" });
  expect(xhr.body).toBe(studio.file);
  xhr.upload.onprogress!({ lengthComputable: true, loaded: 3, total: 10 });
  expect([studio.stage, studio.sent]).toEqual(["sending", 0.3]);
  answers["GET /api/avatars/jobs/j1"] = [{ body: job("running") }, { status: 503 }, { body: job("running", { progress: 0.9 }) }, { body: job("done", { progress: 1, avatar: ann }) }];
  answers["GET /api/avatars"] = [{ body: [{ id: "lin" }, ann] }];
  xhr.answer(202, job("waiting", { progress: 0 }));
  await vi.advanceTimersByTimeAsync(100);
  expect([studio.stage, studio.making?.state, studio.making?.found]).toEqual(["making", "running", ["a face"]]);
  studio.close();
  expect(studio.open, "not while it is being made").toBe(true);
  await settle();
  await made;
  expect(studio.stage).toBe("done");
  expect(useCatalog().avatars.map((a) => a.id)).toEqual(["lin", "ann"]);
  studio.use();
  expect([studio.open, useSettings().values.avatar]).toEqual([false, "ann"]);
});

it.each([
  ["the request", async () => FakeXhr.last.answer(429, { code: "one_at_a_time", detail: "one avatar at a time" }), { code: "one_at_a_time", detail: "one avatar at a time" }],
  ["without a problem document", async () => FakeXhr.last.answer(413, null), { code: "http_413", detail: "HTTP 413" }],
  ["no server", async () => FakeXhr.last.onerror!(), { code: "network", detail: "" }],
  [
    "the picture",
    async () => {
      answers["GET /api/avatars/jobs/j1"] = [{ body: job("failed", { problem: { code: "face_none", detail: "there is no face" } }) }];
      FakeXhr.last.answer(202, job("waiting"));
      await settle();
    },
    { code: "face_none", detail: "there is no face" },
  ],
  [
    "a job that is forgotten",
    async () => {
      FakeXhr.last.answer(202, job("waiting"));
      await settle();
    },
    { code: "http_404", detail: "there is no such job (any more)" },
  ],
])("goes back to the form when it is refused: %s", async (_name, refuse, problem) => {
  const { studio, made } = begin();
  await refuse();
  await made;
  expect([studio.stage, studio.problem?.code, studio.problem?.detail]).toEqual(["form", problem.code, problem.detail]);
  expect([studio.wish.name, studio.consent, studio.file?.name], "what was filled in stays").toEqual([" Ann ", true, "ann.jpg"]);
});

it("is cancelled while it is sent, and while it is made", async () => {
  const first = begin();
  first.studio.cancel();
  await first.made;
  expect([first.studio.stage, first.studio.problem, calls]).toEqual(["form", null, []]);
  const again = first.studio.make();
  answers["GET /api/avatars/jobs/j1"] = [{ body: job("running") }];
  FakeXhr.last.answer(202, job("waiting"));
  await vi.advanceTimersByTimeAsync(600);
  first.studio.cancel();
  await settle();
  await again;
  expect(calls.filter((c) => c.startsWith("DELETE"))).toEqual(["DELETE /api/avatars/jobs/j1"]);
  expect([first.studio.stage, first.studio.problem]).toEqual(["form", null]);
});

it("takes another person before one is removed, and waits until no session shows it", async () => {
  const catalog = useCatalog();
  const settings = useSettings();
  catalog.avatars = [ann, { id: "lin" } as Avatar];
  settings.values.avatar = "ann";
  answers["DELETE /api/avatars/ann"] = [{ status: 409, body: { code: "shown", detail: "somebody" } }, { status: 204 }];
  const removed = useStudio().remove(ann);
  expect(settings.values.avatar).toBe("lin");
  await settle();
  expect(await removed).toBeNull();
  answers["DELETE /api/avatars/ann"] = [{ status: 409, body: { code: "shown", detail: "somebody" } }];
  expect((await useStudio().remove(ann))?.code, "another session shows it: said at once").toBe("shown");
  answers["DELETE /api/avatars/ann"] = [{ status: 403, body: { code: "not_yours", detail: "only who" } }];
  expect(await useStudio().remove(ann)).toEqual({ code: "not_yours", detail: "only who" });
});

it("may nothing where the server says nothing of it", async () => {
  const studio = useStudio();
  answers["GET /api/status"] = [{ body: { status: "ok", uploads: { allowed: true, max_bytes: 5 } } }, { body: { status: "ok" } }, { status: 503 }];
  await studio.look();
  expect(studio.uploads).toEqual({ allowed: true, max_bytes: 5 });
  await studio.look();
  expect(studio.uploads.allowed).toBe(false);
  await studio.look();
  expect(studio.uploads.allowed).toBe(false);
});

/* The codes of docs/protocol.md that a page can meet. */
it.each("file_kind file_broken file_large video_long video_short face_none face_many face_small face_blurred face_turned face_cut face_lost slow one_at_a_time busy no_space name consent licence empty unable".split(" "))(
  "has words for %s in both languages",
  (code) => {
    const words = [en, zhCN].map((texts) => (texts.studio.problem as Record<string, string>)[code]);
    expect(words[0]).toMatch(/^[A-Z]/);
    expect(words[1]).toMatch(/\p{Script=Han}/u);
  },
);
