/**
 * Builds the client for pages that have no build of their own: dist/avatar-client.js, one ES module, and, with --mode worklet,
 * dist/capture.worklet.js, the microphone's part that runs in the audio thread.
 */
import { defineConfig } from "vite";

export default defineConfig(({ mode }) => {
  const worklet = mode === "worklet";
  return {
    build: {
      target: "es2021",
      emptyOutDir: !worklet,
      lib: {
        entry: worklet ? "src/capture.worklet.ts" : "src/index.ts",
        formats: ["es"],
        fileName: () => (worklet ? "capture.worklet.js" : "avatar-client.js"),
      },
    },
  };
});
