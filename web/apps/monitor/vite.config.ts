/** How the panel is built, into monitor/ of the chat page's folder, which the server reads, and, in development, served. */
import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vite";

const server = process.env.AVATAR_CHAT_URL ?? "http://127.0.0.1:8000";
const prometheus = process.env.PROMETHEUS_URL ?? "http://127.0.0.1:9090";

export default defineConfig(({ command }) => ({
  base: command === "build" ? "/monitor/" : "/",
  plugins: [vue()],
  define: {
    __VUE_I18N_FULL_INSTALL__: false,
    __VUE_I18N_LEGACY_API__: false,
    __INTLIFY_PROD_DEVTOOLS__: false,
  },
  server: {
    port: 3001,
    proxy: { "/api": server, "/metrics": server, "/prometheus": { target: prometheus, rewrite: (path) => path.replace(/^\/prometheus/, "") } },
  },
  build: { target: "es2021", outDir: "../chat/dist/monitor", emptyOutDir: true, reportCompressedSize: false, chunkSizeWarningLimit: 700 },
}));
