// deploy/postgrest/nginx.conf as it is, but for its addresses and files: a real nginx, and a client that knows its CA.
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { end, freePort, REPOSITORY, serving, start } from "../e2e/processes.ts";
import { Databases, isPostgrestHere, TOKEN } from "./databases.ts";

// Where Debian has it, which is in the path of root alone.
const NGINX = "/usr/sbin/nginx";
const SERVICES = 63;
// More than nginx lets through at once.
const FLOOD = 600;
const MORE_THAN_8_MB = 9_000_000;

const CLIENT = `
  import { createTables } from ${JSON.stringify(join(REPOSITORY, "client/tables/dist/esm/index.js"))};
  const [url, token] = process.argv.slice(1);
  const tables = createTables({ use: "timeweb", timeweb: { url, token }, patienceMs: 60_000 });
  const rows = async () => (await tables.from("services").select("id")).data.length;
  const first = await rows();
  const flood = await Promise.all(Array.from({ length: ${FLOOD} }, rows));
  const large = { title: "x".repeat(${MORE_THAN_8_MB}) };
  const { error, status } = await tables.from("services").update(large).eq("id", 1);
  const { requests, failures } = tables.counts().timeweb;
  console.log(JSON.stringify({ first, flood: [...new Set(flood)], requests, failures, status, error }));
  process.exit(0);
`;

describe("nginx in front of PostgREST", { skip: !isPostgrestHere }, () => {
  let databases: Databases;
  let nginx: ReturnType<typeof start>;
  let url: string;
  let tls: string;

  before(async () => {
    databases = await Databases.start({ tables: "live" });
    const folder = join(databases.folder.path, "nginx");
    mkdirSync(folder);
    tls = join(folder, "tls");
    execFileSync("sh", [join(REPOSITORY, "tests/support/make_certificates.sh"), tls], { stdio: "pipe" });
    const port = await freePort();
    url = `https://localhost:${port}`;
    const upstream = new URL(databases.postgrest.get("tables")!.url).host;
    const conf = readFileSync(join(REPOSITORY, "deploy/postgrest/nginx.conf"), "utf8")
      .replace("listen 3443", `listen 127.0.0.1:${port}`)
      .replace("127.0.0.1:3400", upstream)
      .replaceAll("/etc/authstate/tls", tls);
    writeFileSync(join(folder, "tables.conf"), conf);
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
      (name) => `${name}_temp_path ${folder};`,
    );
    const http = `http { access_log off; ${temporary.join(" ")} include ${folder}/tables.conf; }`;
    writeFileSync(join(folder, "nginx.conf"), `daemon off; pid ${folder}/pid; error_log stderr; events {} ${http}`);
    nginx = start(NGINX, ["-p", folder, "-e", "stderr", "-c", join(folder, "nginx.conf")]);
    await serving(nginx, "nginx", port);
  });

  after(async () => {
    await end(nginx, "SIGTERM");
    await databases.stop();
  });

  it("serves over TLS, lets a flood wait, and refuses what is too large", async () => {
    const program = ["--input-type=module", "-e", CLIENT, url, TOKEN];
    const env = { ...process.env, NODE_EXTRA_CA_CERTS: join(tls, "ca.pem") };
    const { stdout } = await promisify(execFile)(process.execPath, program, { env });
    const told = JSON.parse(stdout) as Record<string, unknown>;
    assert.equal(told["first"], SERVICES);
    assert.deepEqual(told["flood"], [SERVICES]);
    assert.ok((told["failures"] as number) > 0, "nothing of the flood was refused at first");
    assert.ok((told["requests"] as number) > FLOOD);
    assert.equal(told["status"], 413);
    assert.notEqual(told["error"], null);
  });
});
