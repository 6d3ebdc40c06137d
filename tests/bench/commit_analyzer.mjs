// Writes the bump that @semantic-release/commit-analyzer determines for each message, one a line.
//
// Arguments: a file of messages separated by NUL, a folder with node_modules.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [file, folder] = process.argv.slice(2);
const require = createRequire(join(folder, "index.js"));
const { analyzeCommits } = await import(
  pathToFileURL(require.resolve("@semantic-release/commit-analyzer"))
);
const context = { logger: { log() {} }, cwd: folder };
for (const message of readFileSync(file, "utf8").split("\0")) {
  const commits = [{ hash: "0", message }];
  const bump = await analyzeCommits({ preset: "conventionalcommits" }, { ...context, commits });
  console.log(bump ?? "none");
}
