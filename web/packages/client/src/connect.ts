/** Joins a client and a player: media and sentences in, what has been heard out. Gives back the function that parts them. */
import type { AvatarClient } from "./client";
import type { AvatarPlayer } from "./player";

export function connectPlayer(client: AvatarClient, player: AvatarPlayer): () => void {
  const offs = [
    client.on("chunk", (chunk) => player.push(chunk)),
    client.on("sentence", (sentence) => player.sentence(sentence)),
    client.on("turn_done", ({ turn }) => player.complete(turn)),
    client.on("interrupted", ({ turn }) => turn !== null && player.stop(turn)),
    client.on("connection", ({ status }) => {
      if (status === "lost" || status === "closed") player.disconnected();
      if (status === "connected") player.reset();
    }),
    player.on("playback", ({ turn, heardMs }) => client.playback(turn, heardMs, player.idleMs())),
  ];
  return () => offs.forEach((off) => off());
}
