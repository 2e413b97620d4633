/** The chat page's texts, in the languages it has. */
import { makeI18n } from "@avatar-chat/ui";
import { en } from "./en";
import { zhCN } from "./zh-CN";

export const i18n = makeI18n(en, zhCN);
