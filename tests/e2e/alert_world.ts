// A Prometheus and an Alertmanager that watch whatever servers a test starts, and what they tell of faults.
import assert from "node:assert/strict";
import { join } from "node:path";
import { AuthStatePool, type AuthStatePoolOptions } from "../../client/node/dist/esm/index.js";
import { CuttableRoute } from "./cuttable_route.ts";
import { MonitoredServer } from "./monitored_server.ts";
import { TestFolder } from "./processes.ts";
import { Alertmanager, type Labels, Prometheus, RULES, servingFiles } from "./prometheus.ts";
import { PostgresStore, query } from "./stores.ts";

// What a fault makes fire, by name, and the labels that tell of this fault alone.
type Alerts = Record<string, Labels>;

// The alerts that tell of what was counted within a window of time: they end once it has passed. The longest is half an hour.
const OF_A_WINDOW = new Set(
  [
    ...["DataLoss", "CommitsInDoubt", "CertificateRefused", "QueueFull", "LeasesFlap", "RefusedCallers"],
    "OldDatabaseAsked",
  ].map((name) => `Authstate${name}`),
);
const LONGEST_WINDOW_MS = 32 * 60_000;

export class AlertWorld {
  readonly folder = new TestFolder();
  readonly #ends: (() => unknown)[] = [];
  readonly #fired = new Set<string>();
  readonly #ofAWindow: [name: string, labels: Labels][] = [];
  #postgres!: PostgresStore;
  alertmanager!: Alertmanager;
  prometheus!: Prometheus;

  async start(): Promise<void> {
    this.alertmanager = await Alertmanager.start(this.folder);
    this.#ends.push(() => this.alertmanager.stop());
    this.prometheus = await Prometheus.start(this.folder, ["authstate", "node"], this.alertmanager.port);
    this.#ends.push(() => this.prometheus.stop());
    this.#postgres = await PostgresStore.create(this.folder);
    await this.#postgres.start();
    this.#ends.push(() => this.#postgres.stop());
  }

  async stop(): Promise<void> {
    for (const end of this.#ends.reverse()) await end();
    this.folder.remove();
  }

  file(name: string): string {
    return join(this.folder.path, name);
  }

  // A server that runs until the end, or until somebody stops it. `command`: as of Authstated.
  async serve(instance: string, options: string[], command?: string[]): Promise<MonitoredServer> {
    const server = await MonitoredServer.start(this.prometheus, instance, options, command);
    this.#ends.push(() => server.crash());
    return server;
  }

  onSqlite(instance: string, ...options: string[]): Promise<MonitoredServer> {
    return this.serve(instance, ["--sqlite-path", this.file(`${instance}.db`), ...options]);
  }

  // A database of its own, and a route to it.
  async database(name: string): Promise<{ url: string; route: CuttableRoute; routed: string }> {
    await query(this.#postgres.url, `CREATE DATABASE ${name}`);
    const url = new URL(`/${name}`, this.#postgres.url);
    const route = await CuttableRoute.to(Number(url.port));
    this.#ends.push(() => route.close());
    const routed = new URL(url);
    routed.port = String(route.port);
    return { url: url.toString(), route, routed: routed.toString() };
  }

  stopPostgres(): Promise<void> {
    return this.#postgres.stop();
  }

  startPostgres(): Promise<void> {
    return this.#postgres.start();
  }

  // A pool that waits for nothing, unless it is told to.
  pool({ address }: MonitoredServer, options: Partial<AuthStatePoolOptions> = {}): AuthStatePool {
    const pool = new AuthStatePool({ address, patienceMs: 0, ...options });
    this.#ends.push(() => pool.close());
    return pool;
  }

  // Has Prometheus scrape files of metrics, by way of what stands for node_exporter.
  async scrapeFiles(instance: string, paths: string[]): Promise<void> {
    const files = await servingFiles(paths);
    this.#ends.push(() => files.close());
    await this.prometheus.scrape("node", instance, files.address);
  }

  // Shows that alerts are inactive before a fault and fire because of it. Where it is mended, they are resolved then, those of
  // a window later (windowsPass).
  async shows(alerts: Alerts, fault: () => unknown, mend?: () => unknown): Promise<void> {
    for (const [name, labels] of Object.entries(alerts)) {
      assert.deepEqual(await this.prometheus.active(name, labels), [], `${name} before the fault`);
    }
    await fault();
    for (const [name, labels] of Object.entries(alerts)) {
      await this.prometheus.fires(name, labels);
      this.#fired.add(name);
    }
    if (mend === undefined) return;
    await mend();
    for (const [name, labels] of Object.entries(alerts)) {
      if (OF_A_WINDOW.has(name)) this.#ofAWindow.push([name, labels]);
      else await this.prometheus.isResolved(name, labels);
    }
  }

  // Waits until what was counted is out of every window.
  async windowsPass(): Promise<void> {
    for (const [name, labels] of this.#ofAWindow) await this.prometheus.isResolved(name, labels, LONGEST_WINDOW_MS);
  }

  // Alerts of the rules that no fault has made fire yet.
  notShown(): string[] {
    return [...RULES.matchAll(/- alert: (\w+)/g)].map(([, name]) => name!).filter((name) => !this.#fired.has(name));
  }
}
