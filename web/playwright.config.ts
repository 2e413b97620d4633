/** End-to-end tests in Debian's Chromium; the tests and their helpers are in test/e2e. */
import { defineConfig } from "@playwright/test";

export default defineConfig({
  testDir: "../test/e2e",
  outputDir: "../test-artefacts/playwright",
  workers: 1,
  fullyParallel: false,
  timeout: 60_000,
  globalTimeout: 2_400_000,
  expect: { timeout: 10_000 },
  reporter: [["list"]],
  use: {
    viewport: { width: 1440, height: 900 },
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu", "--mute-audio", "--disable-dev-shm-usage"],
    },
  },
});
