/** Both languages have the same texts. */
import { join } from "node:path";
import { describe } from "vitest";
import { checkMessages } from "../../../packages/ui/test/messages";
import { en } from "../src/i18n/en";
import { zhCN } from "../src/i18n/zh-CN";

describe("messages", () => checkMessages(en, zhCN, join(__dirname, "../src")));
