/** Starts and ends the real server, and the scripted one (mock/server.mjs), for the tests. */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";

const ROOT = resolve(__dirname, "../..");
export const BIN = resolve(ROOT, process.env.AVATAR_CHAT_BIN ?? "build/avatar-chat");
export const ARTEFACTS = join(ROOT, "test-artefacts");

export interface Server {
  url: string;
  port: number;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** Waits for `ready` in the output; its first group is the port. */
function start(command: string, args: string[], ready: RegExp): Promise<Server> {
  const child: ChildProcess = spawn(command, args, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  return new Promise((done, fail) => {
    const late = setTimeout(() => {
      child.kill("SIGKILL");
      fail(new Error(`${command} was not ready in 30 s:\n${output}`));
    }, 30_000);
    const gone = new Promise<void>((over) => child.once("exit", () => over()));
    child.once("error", fail);
    child.once("exit", (code) => fail(new Error(`${command} ended with ${code}:\n${output}`)));
    const read = (data: Buffer) => {
      output += data;
      const port = Number(ready.exec(output)?.[1]);
      if (!port) return;
      clearTimeout(late);
      done({
        port,
        url: `http://127.0.0.1:${port}`,
        async stop(signal = "SIGTERM") {
          child.kill(signal);
          const hard = setTimeout(() => child.kill("SIGKILL"), 10_000);
          await gone;
          clearTimeout(hard);
          if (/AddressSanitizer|ThreadSanitizer|LeakSanitizer|runtime error:/.test(output)) throw new Error(output);
        },
      });
    };
    child.stdout!.on("data", read);
    child.stderr!.on("data", read);
  });
}

export function startServer(port = 0, ...more: string[]): Promise<Server> {
  if (!existsSync(BIN)) throw new Error(`no program at ${BIN}: build it, or name it in AVATAR_CHAT_BIN`);
  return start(BIN, ["serve", "--port", String(port), "--set", "server.host=127.0.0.1", "--set", "history.store=none", ...more], /event=ready [^\n]*port=(\d+)/);
}

export function startMock({ port = 0, deaf = false } = {}): Promise<Server> {
  const dist = join(ROOT, "web/apps/chat/dist");
  return start(process.execPath, [join(__dirname, "mock/server.mjs"), String(port), dist, deaf ? "deaf" : ""], /listening on (\d+)/);
}

/** The panel's (mock/monitor.mjs). */
export function startMonitorMock(token = "", port = 0): Promise<Server> {
  return start(process.execPath, [join(__dirname, "mock/monitor.mjs"), String(port), join(ROOT, "web/apps/chat/dist"), token], /listening on (\d+)/);
}
