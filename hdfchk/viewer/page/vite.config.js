import { defineConfig } from "vite";

// Names without a hash: the build is checked in, and compared file by file.
export default defineConfig({
  base: "./",
  // JSX as React.createElement: no plug-in is needed for one file.
  oxc: { jsx: { runtime: "classic", development: false } },
  build: {
    outDir: "../static",
    emptyOutDir: true,
    license: { fileName: "LICENSES.md" },
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 4000,
    rollupOptions: {
      output: {
        entryFileNames: "assets/viewer.js",
        chunkFileNames: "assets/[name].js",
        assetFileNames: "assets/[name][extname]",
      },
    },
  },
});
