/** A scripted server of /v1/chat/completions: what the question asks for is how it behaves. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Chat {
  model: string;
  stream: boolean;
  messages: { role: string; content: string }[];
}

export interface Model {
  /** Up to and with /v1. */
  url: string;
  /** What it was asked, in order. */
  chats: Chat[];
  stop(): Promise<void>;
}

const wait = (ms: number) => new Promise((done) => setTimeout(done, ms));

/** Streams the text in small pieces, at the speed of a quick model. */
async function stream(response: ServerResponse, text: string, piece = 6): Promise<void> {
  response.writeHead(200, { "Content-Type": "text/event-stream" });
  for (let i = 0; i < text.length; i += piece) {
    const chunk = { choices: [{ index: 0, delta: { content: text.slice(i, i + piece) }, finish_reason: null }] };
    response.write(`data: ${JSON.stringify(chunk)}\n\n`);
    await wait(8);
  }
  response.end(`data: ${JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] })}\n\ndata: [DONE]\n\n`);
}

const problem = (response: ServerResponse, status: number, message: string, headers = {}) => {
  response.writeHead(status, { "Content-Type": "application/json", ...headers });
  response.end(JSON.stringify({ error: { message, type: "test", code: null } }));
};

/** `answers`: what is said to a question that holds the word; else the faults below, else an echo. */
async function answer(chat: Chat, answers: Record<string, string>, response: ServerResponse): Promise<void> {
  const question = chat.messages[chat.messages.length - 1].content;
  const word = Object.keys(answers).find((key) => question.includes(key));
  if (word) return stream(response, answers[word]);
  if (question.includes("key")) return problem(response, 401, "Incorrect API key provided");
  if (question.includes("model")) return problem(response, 404, "The model `none` does not exist");
  if (question.includes("quota")) return problem(response, 429, "You exceeded your current quota", { "Retry-After": "120" });
  if (question.includes("web page")) {
    response.writeHead(200, { "Content-Type": "text/html" });
    return void response.end("<!doctype html><title>Welcome</title>");
  }
  if (question.includes("elsewhere")) {
    response.writeHead(307, { Location: "http://198.51.100.7/v1/chat/completions" });
    return void response.end();
  }
  if (question.includes("stall")) {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    return void response.write(": nothing more will come\n\n");
  }
  if (question.includes("long line")) {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    return void response.end(`data: ${"x".repeat(1 << 20)}\n\n`);
  }
  if (question.includes("break off")) {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: "This is the beginning and then" } }] })}\n\n`);
    await wait(300);
    return void response.destroy();
  }
  return stream(response, `You said: ${question}`);
}

export async function startModel(answers: Record<string, string> = {}): Promise<Model> {
  const chats: Chat[] = [];
  const server = createServer(async (request: IncomingMessage, response: ServerResponse) => {
    let body = "";
    for await (const part of request) body += part;
    if (request.method === "GET") {
      response.writeHead(200, { "Content-Type": "application/json" });
      return response.end('{"data":[]}');
    }
    const chat = JSON.parse(body) as Chat;
    chats.push(chat);
    await answer(chat, answers, response);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    chats,
    stop: () =>
      new Promise<void>((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}
