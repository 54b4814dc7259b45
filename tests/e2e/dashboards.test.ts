// The Grafana dashboards of deploy/monitoring, asked as Grafana does of a Prometheus that has scraped servers under load.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type AuthState, AuthStatePool } from "../../client/node/dist/esm/index.js";
import { MonitoredServer } from "./monitored_server.ts";
import { REPOSITORY, TestFolder } from "./processes.ts";
import { Prometheus, RULES, servingFiles } from "./prometheus.ts";
import { runControl } from "./servers.ts";
import { PostgresStore } from "./stores.ts";

const FOLDER = join(REPOSITORY, "deploy/monitoring/dashboards");
const SESSIONS = 20;
// What Grafana makes of a scrape each second, and a screen that shows ten minutes, is less.
const RATE_INTERVAL = "15s";
const UNITS = new Set(["short", "s", "bytes", "ops", "percentunit"]);

interface Panel {
  id: number;
  type: string;
  title: string;
  description?: string;
  fieldConfig?: { defaults: { unit?: string } };
  targets?: { expr: string; legendFormat: string }[];
}

interface Variable {
  name: string;
  type: string;
  query: string | { query: string };
  allValue?: string;
}

interface Dashboard {
  uid: string;
  title: string;
  panels: Panel[];
  templating: { list: Variable[] };
}

const dashboards = readdirSync(FOLDER).map((name) => JSON.parse(readFileSync(join(FOLDER, name), "utf8")) as Dashboard);
const shown = ({ panels }: Dashboard): Panel[] => panels.filter(({ type }) => type !== "row");
const expressionsOf = (dashboard: Dashboard): string[] =>
  shown(dashboard).flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
const queriesOf = ({ templating }: Dashboard): Variable[] => templating.list.filter(({ type }) => type === "query");

// With all values of each variable chosen, as when it is opened.
function resolved(text: string, { templating }: Dashboard): string {
  const values = { ...Object.fromEntries(templating.list.map(({ name, allValue }) => [name, allValue])) };
  const whole = text.replaceAll("$__rate_interval", RATE_INTERVAL);
  return whole.replaceAll(/\$(\w+)/g, (_, name: string) => {
    assert.ok(values[name], `no variable ${name}: ${text}`);
    return values[name];
  });
}

// Servers of every kind, and pools that use them all the time.
class World {
  readonly #folder = new TestFolder();
  readonly #ends: (() => unknown)[] = [];
  readonly #pools: AuthStatePool[] = [];
  #over = false;
  #load: Promise<unknown> = Promise.resolve();
  prometheus!: Prometheus;

  async start(): Promise<void> {
    this.prometheus = await Prometheus.start(this.#folder, ["authstate", "node"]);
    this.#ends.push(() => this.prometheus.stop());
    const postgres = await PostgresStore.create(this.#folder);
    await postgres.start();
    this.#ends.push(() => postgres.stop());
    const certificates = this.#file("tls");
    execFileSync("sh", [join(REPOSITORY, "tests/support/make_certificates.sh"), certificates], { stdio: "pipe" });
    const [ca, certificate, key] = ["ca.pem", "server.pem", "server.key"].map((name) => join(certificates, name));
    const keyring = this.#file("keyring");
    await runControl("keyring", "init", keyring, "first");
    const secured = ["--tls-certificate", certificate!, "--tls-key", key!, "--keyring-file", keyring];
    const started = await Promise.all([
      this.#serve("database", postgres.options),
      this.#serve("near", [...postgres.options, "--write-behind", this.#file("near.db")]),
      this.#serve("file", ["--sqlite-path", this.#file("a.db"), ...secured]),
    ]);
    const tls = { ca: ca!, serverName: "localhost" };
    for (const { instance, address } of started) {
      this.#pools.push(new AuthStatePool({ address, ...(instance === "file" ? { tls } : {}) }));
    }
    this.#load = Promise.all(started.map(({ instance }, index) => this.#use(instance, this.#pools[index]!)));
    await this.#backUp(started[0]!, keyring);
  }

  async stop(): Promise<void> {
    this.#over = true;
    await this.#load;
    await Promise.all(this.#pools.map((pool) => pool.close()));
    for (const end of this.#ends.reverse()) await end();
    this.#folder.remove();
  }

  // What a backup and its drill leave for node_exporter.
  async #backUp(server: MonitoredServer, keyring: string): Promise<void> {
    const figures = [this.#file("backup.prom"), this.#file("drill.prom")];
    const files = await servingFiles(figures);
    this.#ends.push(() => files.close());
    for (const [index, command] of ["create", "drill"].entries()) {
      const words = [this.#file("backups"), "--keyring-file", keyring, "--metrics-file", figures[index]!];
      await server.control("backup", command, ...words);
    }
    await this.prometheus.scrape("node", "machine", files.address);
  }

  async #serve(instance: string, options: string[]): Promise<MonitoredServer> {
    const server = await MonitoredServer.start(this.prometheus, instance, options);
    this.#ends.push(() => server.stop());
    return server;
  }

  // Writes and reads on the pipe, and calls outside of it.
  async #use(instance: string, pool: AuthStatePool): Promise<void> {
    const sessions: AuthState[] = [];
    for (let number = 0; number < SESSIONS; number++) {
      const auth = await pool.useAuthState(`${instance}-${number}`);
      await auth.saveCreds();
      sessions.push(auth);
    }
    const tool = await pool.useAuthState(`${instance}-0`, { lease: false });
    for (let round = 0; !this.#over; round++) {
      await Promise.all(sessions.map(({ state }) => state.keys.set({ "lid-mapping": { "1": String(round) } })));
      await tool.state.keys.get("lid-mapping", ["1"]);
      await pool.exists(`${instance}-1`);
    }
  }

  #file(name: string): string {
    return join(this.#folder.path, name);
  }
}

describe("the dashboards", () => {
  const world = new World();
  before(() => world.start());
  after(() => world.stop());

  for (const dashboard of dashboards) {
    it(`say what they show: ${dashboard.title}`, () => {
      const panels = shown(dashboard);
      for (const { id, title, description = "", fieldConfig, targets = [] } of panels) {
        assert.ok(title !== "" && description.endsWith("."), `${id}: ${title}: ${description}`);
        assert.ok(UNITS.has(fieldConfig?.defaults.unit ?? ""), `${title}: no unit`);
        assert.ok(targets.length > 0 && targets.every(({ legendFormat }) => legendFormat !== ""), title);
      }
      for (const names of [panels.map(({ title }) => title), dashboard.panels.map(({ id }) => String(id))]) {
        assert.equal(new Set(names).size, names.length);
      }
    });

    it(`have variables that resolve: ${dashboard.title}`, async () => {
      assert.equal(dashboard.templating.list[0]?.type, "datasource");
      for (const { name, query } of queriesOf(dashboard)) {
        const text = typeof query === "string" ? query : query.query;
        const [, selector, label] = /^label_values\((.*), (\w+)\)$/.exec(text) ?? [];
        assert.equal(label, name);
        const values = await world.prometheus.labelValues(label!, resolved(selector!, dashboard));
        assert.ok(values.length > 1, `${name}: ${values.join(", ")}`);
      }
    });

    it(`get an answer to each expression: ${dashboard.title}`, async () => {
      for (const expression of expressionsOf(dashboard)) {
        // Neither nothing nor NaN, which no comparison holds of.
        await world.prometheus.until(`(${resolved(expression, dashboard)}) > -Inf`);
      }
    });
  }

  it("show, with the alerts, every metric that there is", async () => {
    const text = [RULES, ...dashboards.flatMap(expressionsOf)].join("\n");
    const asked = new Set([...text.matchAll(/\b(?:authstate|grpc|process)_\w+/g)].map(([name]) => name));
    const served = await world.prometheus.labelValues("__name__", '{__name__=~"(authstate|grpc|process)_.+"}');
    assert.ok(served.length > 80, String(served.length));
    const missing = served
      .filter((name) => !/_(sum|count)$/.test(name) || !served.includes(name.replace(/_(sum|count)$/, "_bucket")))
      .filter((name) => !asked.has(name));
    assert.deepEqual(missing, []);
  });
});
