// How the console is built: one script and one style beside one page, under names that the server's code knows.
import { defineConfig } from "vite";

const SERVER = process.env.CONSOLE_SERVER ?? "http://localhost:8091";

/** What the console asks the server for; `npm run dev` passes it on to one that runs. */
const ASKED = [
  "/api",
  "/docs",
  "/health",
  "/infer",
  "/info",
  "/metrics",
  "/openapi.json",
  "/redoc",
  "/status",
  "/text2sql",
  "/v1",
];

export default defineConfig({
  // Addresses are relative, so that a proxy may serve the page below a path.
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    target: "baseline-widely-available",
    cssCodeSplit: false,
    modulePreload: { polyfill: false },
    // Everything is a file: the page's policy allows no data in its place.
    assetsInlineLimit: 0,
    rolldownOptions: {
      output: {
        entryFileNames: "console/console.js",
        assetFileNames: "console/console[extname]",
        codeSplitting: false,
      },
    },
  },
  server: { proxy: Object.fromEntries(ASKED.map((path) => [path, SERVER])) },
});
