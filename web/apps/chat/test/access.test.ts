/** The client token: where it is kept, what carries it, and when the page asks for it. */
import { createPinia, setActivePinia } from "pinia";
import { nextTick } from "vue";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FakeSocket } from "../../../packages/client/test/fakes";
import { listConversations } from "../src/lib/conversations";
import { authorization, clientToken, keepToken, takeToken, TOKEN_KEY } from "../src/lib/token";
import { useAccess } from "../src/stores/access";
import { useConversation } from "../src/stores/conversation";

const GOOD = "a-good-token-of-tests";

beforeEach(() => {
  sessionStorage.clear();
  keepToken("");
  setActivePinia(createPinia());
  FakeSocket.all = [];
});
afterEach(() => {
  vi.unstubAllGlobals();
  window.history.replaceState(null, "", "/");
});

describe("the token", () => {
  it.each([
    ["/settings?x=1#token=" + GOOD, GOOD, "/settings?x=1"],
    ["/#a=b&token=" + GOOD, GOOD, "/#a=b"],
    ["/#token=", "", "/"],
    ["/#other", "", "/#other"],
  ])("is taken out of %s", (address, token, left) => {
    window.history.replaceState(null, "", address);
    takeToken();
    expect([clientToken(), location.pathname + location.search + location.hash]).toEqual([token, left]);
    expect(sessionStorage.getItem(TOKEN_KEY)).toBe(token || null);
  });

  it("lasts as long as the page where the browser stores nothing", () => {
    const refuse = () => {
      throw new DOMException("blocked", "SecurityError");
    };
    vi.stubGlobal("sessionStorage", { getItem: refuse, setItem: refuse, removeItem: refuse });
    keepToken(GOOD);
    expect(clientToken()).toBe(GOOD);
  });

  it("is sent with the conversations' requests, unless a header cannot carry it", async () => {
    const sent: (string | null)[] = [];
    vi.stubGlobal("fetch", async (_path: string, init: RequestInit) => {
      sent.push(new Headers(init.headers).get("Authorization"));
      return { ok: true, json: async () => [] };
    });
    await listConversations();
    keepToken(GOOD);
    await listConversations();
    expect(sent).toEqual([null, `Bearer ${GOOD}`]);
    expect(authorization("两个字 token")).toEqual({});
  });
});

describe("being refused", () => {
  /** A server that takes GOOD, or gives `status` to all. */
  function serve(status = 0): void {
    vi.stubGlobal("fetch", async (_path: string, init: RequestInit) => {
      const code = status || (new Headers(init.headers).get("Authorization") === `Bearer ${GOOD}` ? 404 : 401);
      return { ok: false, status: code, json: async () => ({ detail: `status ${code}` }) };
    });
  }
  async function refused() {
    const access = useAccess();
    const conversation = useConversation();
    conversation.start({ url: "ws://h/ws", WebSocket: FakeSocket as unknown as typeof WebSocket });
    FakeSocket.last.drop();
    await nextTick();
    await new Promise((done) => setTimeout(done));
    return access;
  }

  it("asks, says what is wrong, and connects with what is right", async () => {
    serve();
    const access = await refused();
    expect([access.wanted, access.wrong]).toEqual([true, false]);
    await access.give("one-that-is-not-known");
    expect([access.wanted, access.wrong, clientToken()]).toEqual([true, true, ""]);
    await access.give(GOOD);
    expect([access.wanted, access.wrong]).toEqual([false, false]);
    expect(FakeSocket.all).toHaveLength(2);
    expect(FakeSocket.last.url).toMatch(new RegExp(`\\?token=${GOOD}$`));
  });

  it("says so when the token that it has is none any more", async () => {
    keepToken("one-that-was-taken-out");
    serve();
    expect(await refused()).toMatchObject({ wanted: true, wrong: true });
  });

  it.each([403, 404, 429, 503])("does not ask when it is not for the token (%d)", async (status) => {
    serve(status);
    expect((await refused()).wanted).toBe(false);
  });

  it("tells why a token could not be tried", async () => {
    serve();
    const access = await refused();
    serve(429);
    await access.give(GOOD);
    expect(access).toMatchObject({ wanted: true, wrong: false, error: "status 429", trying: false });
  });
});
