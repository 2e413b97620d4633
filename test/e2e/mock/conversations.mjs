/* The scripted server's memory: conversations by client, as docs/protocol.md has them, and their REST paths. */
const clients = new Map();
let counter = 0;

function of(client) {
  if (!clients.has(client)) clients.set(client, new Map());
  return clients.get(client);
}

const head = ({ id, title, created_ms, updated_ms, messages }) => ({ id, title, created_ms, updated_ms, turns: messages.filter((m) => m.role === "user").length });

export const find = (client, id) => of(client).get(id);

export function begin(client, question, now = Date.now()) {
  const made = { id: String(++counter).padStart(32, "0"), title: [...question].slice(0, 60).join(""), created_ms: now, updated_ms: now, messages: [] };
  of(client).set(made.id, made);
  return made;
}

export function add(conversation, role, text, turn, interrupted = false, now = Date.now()) {
  conversation.messages.push({ role, text, turn, at_ms: now, interrupted });
  conversation.updated_ms = now;
}

function markdown({ title, messages }) {
  return `# ${title}\n\n${messages.map((m) => `**${m.role === "user" ? "You" : "Avatar"}:** ${m.text}${m.interrupted ? " (interrupted)" : ""}\n`).join("\n")}`;
}

function problem(res, status, detail) {
  res.writeHead(status, { "Content-Type": "application/problem+json" }).end(JSON.stringify({ title: "mock", status, detail }));
}

const json = (res, body) => res.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(body));

async function bodyOf(req) {
  let text = "";
  for await (const piece of req) text += piece;
  return JSON.parse(text || "{}");
}

function serveOne(req, res, mine, id, sub, url) {
  const found = mine.get(id);
  if (!found) return problem(res, 404, "There is no such conversation.");
  if (sub === "export" && req.method === "GET") {
    const format = url.searchParams.get("format");
    res.setHeader("Content-Disposition", "attachment");
    return format === "json" ? json(res, found) : res.writeHead(200, { "Content-Type": "text/markdown" }).end(markdown(found));
  }
  if (req.method === "DELETE") {
    mine.delete(id);
    return res.writeHead(204).end();
  }
  if (req.method !== "PATCH") return json(res, { ...head(found), messages: found.messages });
  return void bodyOf(req).then(({ title }) => {
    if (typeof title !== "string" || !title || [...title].length > 120) return problem(res, 400, "`title` wants 1 to 120 characters.");
    found.title = title;
    res.writeHead(204).end();
  });
}

/** True when the request was one of these. */
export function serve(req, res, url) {
  const [, , name, id, sub] = url.pathname.split("/");
  if (name !== "conversations" || !url.pathname.startsWith("/api/")) return false;
  const client = req.headers["x-client-id"];
  if (!/^[A-Za-z0-9_-]{16,64}$/.test(client ?? "")) return problem(res, 400, "The header X-Client-Id is missing."), true;
  const mine = of(client);
  if (id) serveOne(req, res, mine, decodeURIComponent(id), sub, url);
  else if (req.method === "DELETE") json(res, { deleted: mine.size }), mine.clear();
  else json(res, [...mine.values()].map(head).sort((a, b) => b.updated_ms - a.updated_ms));
  return true;
}

/** For the tests' own setting up: what a client has, made in the past. `[{title, age_ms, messages: [[question, answer], …]}]` */
export function seed(client, list) {
  for (const { title, age_ms, messages } of list) {
    const made = begin(client, title, Date.now() - age_ms);
    messages.forEach(([question, answer, interrupted], turn) => {
      add(made, "user", question, turn, false, made.created_ms);
      add(made, "assistant", answer, turn, !!interrupted, made.created_ms);
    });
  }
}
