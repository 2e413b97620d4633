/** What the client library offers to pages. */
export * from "./client";
export * from "./connect";
export * from "./microphone";
export * from "./player";
export * from "./protocol";
export { DEFAULT_CODECS, supportsStream } from "./mse";
export * from "./voice";
