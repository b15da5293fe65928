// node read.cjs JOBS: reads the files of JOBS with h5wasm (see tests/readers/reports.py).
const fs = require("node:fs");
const { load } = require("./h5wasm.cjs");

const say = (word, text = "") => fs.writeSync(1, `${word} ${text}`.trimEnd() + "\n");

function tell(item) {
  if (item === null || item === undefined) return;
  if (typeof item === "string") say("S", Buffer.from(item, "utf8").toString("hex"));
  else if (typeof item === "number" || typeof item === "bigint") say("N", String(item));
  else if (typeof item === "boolean") say("N", item ? "1" : "0");
  else if (typeof item[Symbol.iterator] === "function") for (const one of item) tell(one);
  else throw new TypeError(`a ${item.constructor ? item.constructor.name : typeof item}`);
}

function trying(block) {
  try {
    block();
  } catch (error) {
    say("ERR", String(error).replace(/\s+/g, " ").slice(0, 300));
  }
}

async function main() {
  const h5wasm = await load();
  for (const line of fs.readFileSync(process.argv[2], "utf8").split("\n").filter(Boolean)) {
    const [number, path, ...keys] = line.split("\t");
    say("FILE", number);
    trying(() => {
      const file = new h5wasm.File(path, "r");
      for (const key of keys) {
        say("KEY", key);
        trying(() => {
          tell(file.get(key).value);
          say("OK");
        });
        say("KEY", `${key}@`);
        trying(() => {
          for (const attribute of Object.values(file.get(key).attrs)) attribute.value;
          say("OK");
        });
      }
      file.close();
    });
    say("END");
  }
}

main();
