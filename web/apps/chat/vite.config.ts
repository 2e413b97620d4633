/** How the chat page is built and, in development, served. */
import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vite";

const server = process.env.AVATAR_CHAT_URL ?? "http://127.0.0.1:8000";

export default defineConfig({
  plugins: [vue()],
  define: {
    __VUE_I18N_FULL_INSTALL__: false,
    __VUE_I18N_LEGACY_API__: false,
    __INTLIFY_PROD_DEVTOOLS__: false,
  },
  server: {
    port: 3000,
    proxy: { "/api": server, "/healthz": server, "/ws": { target: server, ws: true } },
  },
  worker: { format: "es" }, /* the audio worklet */
  build: { target: "es2021", reportCompressedSize: false, chunkSizeWarningLimit: 700 },
});
