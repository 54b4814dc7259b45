// An authstated that a Prometheus scrapes under a name.
import { freePort } from "./processes.ts";
import type { Prometheus } from "./prometheus.ts";
import { Authstated } from "./servers.ts";

export class MonitoredServer extends Authstated {
  private constructor(
    readonly instance: string,
    readonly metrics: string,
    options: string[],
    command?: string[],
  ) {
    super([...options, "--http-listen", metrics, "--health-interval-ms", "100"], 0, command);
  }

  // Resolves when it serves and Prometheus knows it.
  static async start(
    prometheus: Prometheus,
    instance: string,
    options: string[],
    command?: string[],
  ): Promise<MonitoredServer> {
    const metrics = `127.0.0.1:${await freePort()}`;
    const server = new MonitoredServer(instance, metrics, options, command);
    await server.start();
    await prometheus.scrape("authstate", instance, metrics);
    return server;
  }
}
