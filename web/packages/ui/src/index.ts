/** What the pages have in common. Ant Design's theme is in ./theme, so that pages load it only where they need it. */
export * from "./appearance";
export * from "./clipboard";
export * from "./http";
export * from "./kept";
export * from "./language";
export * from "./storage";
export { default as ConfirmDialog } from "./ConfirmDialog.vue";
export { default as ModalDialog } from "./ModalDialog.vue";
