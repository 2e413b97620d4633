/** Builds the client as one ES module, dist/avatar-client.js, for pages that have no build of their own. */
import { defineConfig } from "vite";

export default defineConfig({
  build: {
    target: "es2021",
    lib: { entry: "src/index.ts", formats: ["es"], fileName: () => "avatar-client.js" },
  },
});
