/** Behind the hash: the server needs to know one path only. */
import { createRouter, createWebHashHistory } from "vue-router";
import OverviewView from "./views/OverviewView.vue";

export const router = createRouter({
  history: createWebHashHistory(),
  routes: [
    { path: "/", name: "overview", component: OverviewView },
    { path: "/sessions", name: "sessions", component: () => import("./views/SessionsView.vue") },
    { path: "/sessions/:id", name: "session", component: () => import("./views/SessionView.vue"), props: true },
    { path: "/logs", name: "logs", component: () => import("./views/LogsView.vue") },
    { path: "/config", name: "config", component: () => import("./views/ConfigView.vue") },
    { path: "/settings", name: "settings", component: () => import("./views/SettingsView.vue") },
    { path: "/:rest(.*)*", redirect: "/" },
  ],
});
