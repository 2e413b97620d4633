/** The chat page's views. */
import { createRouter, createWebHistory } from "vue-router";
import { takeToken } from "./lib/token";
import ChatView from "./views/ChatView.vue";

/* Before the router reads the address, which it would write back. */
takeToken();

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: "/", name: "chat", component: ChatView },
    { path: "/settings", name: "settings", component: () => import("./views/SettingsView.vue") },
    { path: "/:rest(.*)*", redirect: "/" },
  ],
});
