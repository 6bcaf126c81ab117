// Puts what was built where the server's code embeds it, or says whether the same lies there already.
//
// Scripts and styles lie there compressed. Compressed bytes differ from one zlib to the next, so what they hold is compared.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { gunzipSync, gzipSync } from "node:zlib";

const BUILT = new URL("dist/", import.meta.url);
const EMBEDDED = new URL("../crates/api/assets/console/", import.meta.url);

const FILES = [
  { built: "index.html", embedded: "console.html", compressed: false },
  { built: "console/icon.svg", embedded: "icon.svg", compressed: false },
  { built: "console/console.css", embedded: "console.css.gz", compressed: true },
  { built: "../node_modules/preact/LICENSE", embedded: "preact.LICENSE", compressed: false },
  { built: "console/console.js", embedded: "console.js.gz", compressed: true },
];

function embedded({ embedded, compressed }) {
  try {
    const bytes = readFileSync(new URL(embedded, EMBEDDED));
    return compressed ? gunzipSync(bytes) : bytes;
  } catch (error) {
    if (error.code === "ENOENT") return Buffer.alloc(0);
    throw error;
  }
}

const fresh = (file) => readFileSync(new URL(file.built, BUILT));
const outdated = FILES.filter((file) => !fresh(file).equals(embedded(file)));

if (process.argv.includes("--write")) {
  mkdirSync(EMBEDDED, { recursive: true });
  for (const file of outdated) {
    const bytes = file.compressed ? gzipSync(fresh(file), { level: 9 }) : fresh(file);
    writeFileSync(new URL(file.embedded, EMBEDDED), bytes);
    console.log(`${file.embedded}: ${bytes.length} bytes`);
  }
} else if (outdated.length > 0) {
  const names = outdated.map((file) => file.embedded).join(", ");
  console.error(
    `crates/api/assets/console is not what console/ builds: ${names}. Renew it: npm --prefix console run embed`,
  );
  process.exit(1);
}
