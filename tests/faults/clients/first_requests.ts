// The first requests with a generated TypeScript client: `node first_requests.js URL KEY SECRET`.
//
// It is compiled beside the folder monotron-client, with strict checks of types.

import { deepStrictEqual, ok, strictEqual } from "node:assert";
import {
  assignValue,
  assignVersion,
  backUp,
  createApiKey,
  getNewestVersion,
  getSeries,
  getValue,
  getVersion,
  listReleases,
  listVersions,
  setAttribute,
  getAttribute,
  type DecidedBump,
  type Entry,
  type NewestVersion,
  type Problem,
  type RequestedBump,
  type Version,
  type WriteProblem,
} from "./monotron-client";
import { createClient, createConfig, type Client } from "./monotron-client/client";

const COMMITS = "feat: add search\n\nLong text.\0fix: close the file\n";

function clientOf(url: string, secret: string): Client {
  // Without the function, the client would send the secret as the last scheme of the document, Basic.
  const auth = (scheme: { scheme?: string }) => (scheme.scheme === "bearer" ? secret : undefined);
  return createClient(createConfig({ baseUrl: url, auth }));
}

/** The data of a response that must not be an error. */
function data<T>(result: { data?: T; error?: unknown }): T {
  ok(result.data !== undefined, JSON.stringify(result.error));
  return result.data;
}

/** The error of a response that must be one. */
function error<E>(result: { data?: unknown; error?: E }): E {
  ok(result.error !== undefined, JSON.stringify(result.data));
  return result.error;
}

/** A repeated request returns the same value. */
async function series(client: Client): Promise<void> {
  const values: number[] = [];
  for (const token of ["a", "a", "b", "a"]) {
    const path = { key: "ts/build", token };
    const entry: Entry = data(await assignValue({ client, path, query: { reuse: "any" } }));
    deepStrictEqual([entry.creator_id, entry.key, entry.token], [1, "ts/build", token]);
    values.push(entry.value);
  }
  deepStrictEqual(values, [1, 1, 2, 1]);
  const repeated = await assignValue({ client, path: { key: "ts/build", token: "b" } });
  strictEqual(repeated.response?.headers.get("Monotron-Reused"), "true");
  const current = data(await getSeries({ client, path: { key: "ts/build" } }));
  deepStrictEqual([current.token, current.value], ["b", 2]);
  const found = data(await getValue({ client, path: { key: "ts/build", token: "a" } }));
  strictEqual(found.value, 1);
}

/** The commit messages are the body, and decide the bump. */
async function versions(client: Client): Promise<void> {
  const path = { name: "ts", token: "c0ffee" };
  const auto = await assignVersion({ client, path, query: { bump: "auto" }, body: COMMITS });
  const version: Version = data(auto);
  const bump: DecidedBump | null = version.bump;
  deepStrictEqual([version.version, bump, version.reused], ["0.1.0", "minor", false]);
  deepStrictEqual([version.reason, version.withdrawn], ["feat: add search", null]);
  strictEqual(version.spellings?.pep440, "0.1.0");
  const found = data(await getVersion({ client, path }));
  deepStrictEqual([found.version, found.created_at], ["0.1.0", version.created_at]);
  const patch: RequestedBump = "PATCH";
  const decade = { name: "ts", token: "decade" };
  const next = data(await assignVersion({ client, path: decade, query: { bump: patch } }));
  deepStrictEqual([next.version, next.previous_token], ["0.1.1", "c0ffee"]);
  const newest: NewestVersion = data(await getNewestVersion({ client, path: { name: "ts" } }));
  deepStrictEqual([newest.version, newest.auto_after], ["0.1.1", "decade"]);
  deepStrictEqual(await released(client), ["0.1.1", "0.1.0"]);
  const page = data(await listVersions({ client, query: { prefix: "ts" } }));
  deepStrictEqual([page.versions.map((each) => each.name), page.next], [["ts"], null]);
}

/** The versions of all pages of one release each. */
async function released(client: Client): Promise<(string | null)[]> {
  const listed: (string | null)[] = [];
  for (let before: string | null | undefined; before !== null; ) {
    const query = { limit: 1, before };
    const page = data(await listReleases({ client, path: { name: "ts" }, query }));
    listed.push(...page.releases.map((each) => each.version));
    before = page.next;
  }
  return listed;
}

/** A body that is text. */
async function attributes(client: Client): Promise<void> {
  const path = { account: 1, key: "ts/build", token: "a", name: "build" };
  data(await setAttribute({ client, path, body: "https://ci.example/build/7 é" }));
  strictEqual(data(await getAttribute({ client, path })), "https://ci.example/build/7 é");
}

/** Problem documents have their types. */
async function errors(client: Client): Promise<void> {
  const unknown = { key: "ts/build", token: "unknown" };
  const problem: Problem = error(await getValue({ client, path: unknown }));
  deepStrictEqual([problem.status, problem.code], [404, "entry_not_found"]);
  const path = { name: "ts", token: "c0ffee" };
  const taken = error(await assignVersion({ client, path, query: { bump: "major" } }));
  const write: WriteProblem = taken;
  deepStrictEqual([write.status, write.applied], [422, "no"]);
  // The codes of an operation are known: another string would be an error of the compiler.
  ok(taken.code === "token_taken");
  deepStrictEqual([taken.version, taken.bump], ["0.1.0", "minor"]);
  const other = { key: "other", token: "a" };
  const refused = error(await assignValue({ client, path: other }));
  deepStrictEqual([refused.status, refused.code], [403, "forbidden"]);
}

async function main(url: string, key: string, secret: string): Promise<void> {
  const root = clientOf(url, `${key}:${secret}`);
  const body = { scopes: ["read,write:series"], names: ["ts*"] };
  const created = data(await createApiKey({ client: root, path: { account: 1 }, body }));
  const client = clientOf(url, created.api_key.secret);
  await series(client);
  await versions(client);
  await attributes(client);
  await errors(client);
  const copy = data(await backUp({ client: root }));
  strictEqual(await copy.slice(0, 15).text(), "SQLite format 3");
}

void main(process.argv[2]!, process.argv[3]!, process.argv[4]!);
