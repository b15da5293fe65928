// Finds h5wasm, in the folders of NODE_PATH or as require does. `node h5wasm.cjs` prints its version.
const fs = require("node:fs");
const path = require("node:path");
const { pathToFileURL } = require("node:url");

const folders = [...(process.env.NODE_PATH || "").split(path.delimiter), ...module.paths];
const found = folders
  .filter(Boolean)
  .map((folder) => path.join(folder, "h5wasm"))
  .find((folder) => fs.existsSync(path.join(folder, "package.json")));

exports.load = async () => {
  const h5wasm = await import(pathToFileURL(path.join(found, "dist/node/hdf5_hl.js")).href);
  await h5wasm.ready;
  return h5wasm;
};

if (require.main === module) {
  console.log(JSON.parse(fs.readFileSync(path.join(found, "package.json"), "utf8")).version);
}
