// A real Prometheus with the rules of deploy/monitoring, which scrapes twice a second, and a real Alertmanager.
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { end, freePort, REPOSITORY, serving, start, type TestFolder } from "./processes.ts";

const MONITORING = join(REPOSITORY, "deploy/monitoring");
const POLL_MS = 100;
// How often it scrapes, evaluates its rules and looks for new targets.
const EVERY = "500ms";
// How long each condition is waited for; a fault that takes longer to be seen says so itself.
const PATIENCE_MS = 120_000;
// The second scrape of a counter is the first that `increase` can tell of, and rules have seen what is before the third.
const SCRAPES_TO_KNOW = 3;

export type Labels = Record<string, string>;

export interface Sample {
  labels: Labels;
  value: number;
}

interface Alert {
  labels: Labels;
  state: "pending" | "firing";
}

interface Answer<Data> {
  status: string;
  error?: string;
  data: Data;
}

export const RULES = readFileSync(join(MONITORING, "authstate.rules.yml"), "utf8");

// The rules as they are shipped, but that no alert waits before it fires: `for: 30m` keeps a test from nothing but its end.
// Expressions, with their windows and limits, stay as they are.
const withoutWaiting = (rules: string): string => rules.replaceAll(/^( +for:) .*$/gm, `$1 ${EVERY}`);

export class Prometheus {
  readonly #jobs = new Map<string, Labels>();

  private constructor(
    private readonly folder: string,
    private readonly port: number,
    private readonly child: ChildProcess,
  ) {}

  // `alertmanager`: the port of one.
  static async start(parent: TestFolder, jobs: string[], alertmanager?: number): Promise<Prometheus> {
    const folder = join(parent.path, "prometheus");
    mkdirSync(folder);
    writeFileSync(join(folder, "rules.yml"), withoutWaiting(RULES));
    const targets = (job: string): string => join(folder, `${job}.json`);
    for (const job of jobs) writeFileSync(targets(job), "[]");
    const config = {
      global: { scrape_interval: EVERY, scrape_timeout: EVERY, evaluation_interval: EVERY },
      rule_files: [join(folder, "rules.yml")],
      scrape_configs: jobs.map((job) => ({
        job_name: job,
        file_sd_configs: [{ files: [targets(job)], refresh_interval: EVERY }],
      })),
      alerting: {
        alertmanagers:
          alertmanager === undefined ? [] : [{ static_configs: [{ targets: [`127.0.0.1:${alertmanager}`] }] }],
      },
    };
    return Prometheus.run(folder, config);
  }

  // One with a configuration of the test's own, and its files in `folder`.
  static async run(folder: string, config: unknown): Promise<Prometheus> {
    // Whatever is JSON is YAML.
    writeFileSync(join(folder, "prometheus.yml"), JSON.stringify(config));
    const port = await freePort();
    const child = start("prometheus", [
      `--config.file=${join(folder, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ]);
    await serving(child, "prometheus", port, "Server is ready to receive web requests");
    return new Prometheus(folder, port, child);
  }

  stop(): Promise<void> {
    return end(this.child, "SIGKILL");
  }

  // Scrapes `address` from now on, and resolves when rules would have told of it.
  async scrape(job: string, instance: string, address: string): Promise<void> {
    const targets = this.#jobs.get(job) ?? {};
    targets[instance] = address;
    this.#jobs.set(job, targets);
    const groups = Object.entries(targets).map(([name, target]) => ({ targets: [target], labels: { instance: name } }));
    const next = join(this.folder, "next");
    writeFileSync(next, JSON.stringify(groups));
    renameSync(next, join(this.folder, `${job}.json`));
    await this.until(`count_over_time(up{job="${job}", instance="${instance}"}[1m]) >= ${SCRAPES_TO_KNOW}`);
  }

  // What an expression is now; numbers without labels too.
  async query(expression: string): Promise<Sample[]> {
    const data = await this.#ask<{ resultType: string; result: unknown }>("query", { query: expression });
    if (data.resultType === "scalar") return [{ labels: {}, value: Number((data.result as [number, string])[1]) }];
    return (data.result as { metric: Labels; value: [number, string] }[]).map(({ metric, value }) => ({
      labels: metric,
      value: Number(value[1]),
    }));
  }

  // The values that a label has in the series of a selector.
  labelValues(label: string, selector: string): Promise<string[]> {
    return this.#ask(`label/${label}/values`, { "match[]": selector });
  }

  // Waits until an expression returns something.
  async until(expression: string): Promise<void> {
    await this.#await(expression, async () => (await this.query(expression)).length > 0);
  }

  // Alerts that are pending or fire, of those with these labels.
  async active(name: string, labels: Labels = {}): Promise<Alert[]> {
    const { alerts } = await this.#ask<{ alerts: Alert[] }>("alerts", {});
    const wanted = Object.entries({ alertname: name, ...labels });
    return alerts.filter((alert) => wanted.every(([label, value]) => alert.labels[label] === value));
  }

  async fires(name: string, labels: Labels): Promise<void> {
    await this.#await(`${name} fires`, async () =>
      (await this.active(name, labels)).some(({ state }) => state === "firing"),
    );
  }

  async isResolved(name: string, labels: Labels, patienceMs = PATIENCE_MS): Promise<void> {
    const resolved = async (): Promise<boolean> => (await this.active(name, labels)).length === 0;
    await this.#await(`${name} is resolved`, resolved, patienceMs);
  }

  async #await(what: string, condition: () => Promise<boolean>, patienceMs = PATIENCE_MS): Promise<void> {
    const deadline = Date.now() + patienceMs;
    while (!(await condition())) {
      if (Date.now() > deadline) {
        const { alerts } = await this.#ask<{ alerts: Alert[] }>("alerts", {});
        throw new Error(`not so: ${what}\nactive: ${JSON.stringify(alerts, undefined, 1)}`);
      }
      await sleep(POLL_MS);
    }
  }

  async #ask<Data>(path: string, parameters: Record<string, string>): Promise<Data> {
    const url = `http://127.0.0.1:${this.port}/api/v1/${path}?${new URLSearchParams(parameters).toString()}`;
    const answer = (await (await fetch(url)).json()) as Answer<Data>;
    if (answer.status !== "success") throw new Error(`${parameters["query"] ?? path}: ${answer.error}`);
    return answer.data;
  }
}

// What Alertmanager posts.
interface Notification {
  status: "firing" | "resolved";
  alerts: { status: Notification["status"]; labels: Labels }[];
}

// An Alertmanager with the example's routes, whose pages come here; it waits for nothing before it sends one.
export class Alertmanager {
  readonly #pages: Notification[] = [];
  #child: ChildProcess | undefined;

  private constructor(
    readonly port: number,
    private readonly pager: Server,
  ) {}

  static async start(parent: TestFolder): Promise<Alertmanager> {
    const pager = await listening((body) => {
      alertmanager.#pages.push(JSON.parse(body) as Notification);
      return "";
    });
    const alertmanager: Alertmanager = new Alertmanager(await freePort(), pager);
    const folder = join(parent.path, "alertmanager");
    mkdirSync(folder);
    const config = readFileSync(join(MONITORING, "alertmanager.yml"), "utf8")
      .replace(/http:\/\/127\.0\.0\.1:\d+/, `http://127.0.0.1:${portOf(pager)}`)
      .replaceAll(/(group_wait|group_interval): \w+/g, "$1: 1s");
    writeFileSync(join(folder, "alertmanager.yml"), config);
    const { port } = alertmanager;
    alertmanager.#child = start("prometheus-alertmanager", [
      `--config.file=${join(folder, "alertmanager.yml")}`,
      `--storage.path=${folder}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--cluster.listen-address=",
    ]);
    await serving(alertmanager.#child, "prometheus-alertmanager", port);
    return alertmanager;
  }

  // Waits until somebody is paged for an alert, or told that it is over.
  async page(name: string, status: Notification["status"]): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    const isIt = ({ labels, status: now }: Notification["alerts"][number]): boolean =>
      labels["alertname"] === name && now === status;
    while (!this.#pages.some(({ alerts }) => alerts.some(isIt))) {
      if (Date.now() > deadline) throw new Error(`no page, ${name} ${status}: ${JSON.stringify(this.#pages)}`);
      await sleep(POLL_MS);
    }
  }

  // Tells it of alerts that fire, as Prometheus does.
  async tell(alerts: Labels[]): Promise<void> {
    const answer = await fetch(this.#alerts, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(alerts.map((labels) => ({ labels }))),
    });
    if (!answer.ok) throw new Error(await answer.text());
  }

  // Alerts that it knows, with whether another one holds them back.
  async known(): Promise<{ labels: Labels; held: boolean }[]> {
    const alerts = (await (await fetch(this.#alerts)).json()) as {
      labels: Labels;
      status: { inhibitedBy: string[] };
    }[];
    return alerts.map(({ labels, status }) => ({ labels, held: status.inhibitedBy.length > 0 }));
  }

  get #alerts(): string {
    return `http://127.0.0.1:${this.port}/api/v2/alerts`;
  }

  async stop(): Promise<void> {
    await end(this.#child, "SIGKILL");
    this.pager.close();
  }
}

// Files of metrics on a port, as node_exporter's textfile collector shows them: those that are there.
export async function servingFiles(paths: string[]): Promise<{ address: string; close(): void }> {
  const server = await listening(() =>
    paths
      .filter(existsSync)
      .map((path) => readFileSync(path, "utf8"))
      .join(""),
  );
  return { address: `127.0.0.1:${portOf(server)}`, close: () => server.close() };
}

async function listening(answer: (body: string) => string): Promise<Server> {
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (data: Buffer) => (body += data.toString()));
    request.on("end", () => response.setHeader("Content-Type", "text/plain; version=0.0.4").end(answer(body)));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;
