// deploy/compose.yaml, as far as it can be tried without an engine: what it says is there to be said, and its Prometheus sees
// authstated before and after somebody has been given rights.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, before, describe, it } from "node:test";
import { parse } from "yaml";
import { freePort, REPOSITORY, TestFolder } from "./processes.ts";
import { Prometheus } from "./prometheus.ts";
import { Authstated, AUTHSTATED } from "./servers.ts";

const DEPLOY = join(REPOSITORY, "deploy");
const RULES = "/etc/prometheus/authstate.rules.yml";
const OFTEN = "500ms";

interface Service {
  environment?: Record<string, string>;
  volumes?: string[];
  networks: string[];
  configs?: { source: string }[];
  build?: { context: string; dockerfile: string };
}

interface Compose {
  services: Record<"authstated" | "postgres" | "prometheus", Service>;
  configs: { prometheus: { content: string } };
  networks: Record<string, unknown>;
  volumes: Record<string, unknown>;
}

interface PrometheusConfig {
  global: Record<string, string>;
  rule_files: string[];
  scrape_configs: { job_name: string; static_configs: { targets: string[] }[] }[];
}

// As Compose puts in what is in its .env: ${NAME}, ${NAME:?why}, ${NAME:-else}, ${NAME:+then}.
function interpolate(text: string, env: Record<string, string>): string {
  return text.replaceAll(/\$\{(\w+)(?::([?+-])([^}]*))?\}/g, (_, name: string, how?: string, word = "") => {
    const value = env[name] ?? "";
    if (how === "+") return value === "" ? "" : word;
    if (value !== "" || how === "-") return value || word;
    throw new Error(`${name}: ${word}`);
  });
}

function compose(env: Record<string, string> = {}): Compose {
  const file = parse(readFileSync(join(DEPLOY, "compose.yaml"), "utf8")) as unknown;
  return JSON.parse(JSON.stringify(file), (_, value: unknown) =>
    typeof value === "string" ? interpolate(value, { DATABASE_PASSWORD: "secret", ...env }) : value,
  ) as Compose;
}

// Where a file of this tree is in a container.
function mounted(path: string): string {
  const [source] = compose()
    .services.prometheus.volumes!.map((volume) => volume.split(":"))
    .find(([, target]) => target === path)!;
  return resolve(DEPLOY, source!);
}

describe("deploy/compose.yaml", () => {
  const folder = new TestFolder();
  after(() => folder.remove());

  it("names networks, volumes, configurations and files that there are", () => {
    const { services, networks, volumes, configs } = compose();
    for (const { networks: used, volumes: mounts = [], configs: taken = [], build } of Object.values(services)) {
      for (const network of used) assert.ok(network in networks, network);
      for (const [source] of mounts.map((mount) => mount.split(":"))) {
        assert.ok(source!.startsWith(".") ? existsSync(join(DEPLOY, source!)) : source! in volumes, source);
      }
      for (const { source } of taken) assert.ok(source in configs, source);
      if (build !== undefined)
        assert.ok(existsSync(resolve(DEPLOY, build.context, build.dockerfile)), build.dockerfile);
    }
  });

  it("wants a password for the database", () => {
    assert.throws(() => compose({ DATABASE_PASSWORD: "" }), /DATABASE_PASSWORD: see the first lines/);
  });

  it("gives authstated options that it has", () => {
    const { environment } = compose().services.authstated;
    const printed = execFileSync(AUTHSTATED, ["--print-config"], { env: environment, encoding: "utf8" });
    for (const [name, value] of Object.entries(environment!)) {
      const option = name.replace("AUTHSTATE_", "").toLowerCase().replaceAll("_", "-");
      // Secrets are not printed.
      const line = option.endsWith("-password")
        ? `${option} = `
        : `${option} = ${/^(true|\d+)$/.test(value) ? value : `"${value}"`}`;
      assert.ok(printed.includes(`${line}`), `${line}\n${printed}`);
    }
  });

  describe("its Prometheus", () => {
    let authstated: Authstated;
    let metrics: string;
    before(async () => {
      // Beyond loopback, as in its container, where rights are asked for.
      metrics = `0.0.0.0:${await freePort()}`;
      authstated = new Authstated([
        ...["--sqlite-path", join(folder.path, "authstate.db"), "--http-listen", metrics, "--allow-insecure"],
      ]);
      await authstated.start();
    });
    after(() => authstated.crash());

    const configured = (env: Record<string, string>): PrometheusConfig =>
      parse(compose(env).configs.prometheus.content) as PrometheusConfig;

    async function sees(name: string, env: Record<string, string>, up: number): Promise<void> {
      const config = configured(env);
      const own = join(folder.path, name);
      mkdirSync(own);
      config.global = { scrape_interval: OFTEN, scrape_timeout: OFTEN };
      config.rule_files = config.rule_files.map(mounted);
      for (const { static_configs: targets } of config.scrape_configs) targets[0]!.targets = [metrics];
      const prometheus = await Prometheus.run(own, config);
      try {
        await prometheus.until(`up{job="authstate"} == ${up}`);
      } finally {
        await prometheus.stop();
      }
    }

    it("has the rules, and a configuration that promtool takes", () => {
      for (const env of [{}, { PROMETHEUS_TOKEN: "as_id_secret" }] as Record<string, string>[]) {
        const config = configured(env);
        assert.deepEqual(config.rule_files, [RULES]);
        const path = join(folder.path, "checked.yml");
        writeFileSync(path, JSON.stringify({ ...config, rule_files: config.rule_files.map(mounted) }));
        assert.match(execFileSync("promtool", ["check", "config", path], { encoding: "utf8" }), /\d\d rules found/);
      }
    });

    it("sees authstated while everybody may ask, and with a token from then on", async () => {
      await sees("open", {}, 1);
      const create = ["token", "create", "--quiet", "--label", "prometheus", "--read", "--session", "nobody"];
      const token = (await authstated.control(...create)).trim();
      await sees("without", {}, 0);
      await sees("with", { PROMETHEUS_TOKEN: token }, 1);
    });
  });
});
