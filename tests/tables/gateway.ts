// Stands before a PostgREST as the gateway of Supabase does, below /rest/v1, and fails as networks do.
import { once } from "node:events";
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import { freePort } from "../e2e/processes.ts";

const PREFIX = "/rest/v1";

// What becomes of a request: the whole way; no connection; done by the database, and the answer lost, or half of it; an answer
// of the gateway's own.
export type Fate =
  "pass" | "refuse" | "lose" | "half" | { status: number; body: string; headers?: Record<string, string> };

export class Gateway {
  // For the next requests, one each; then they pass.
  readonly fates: Fate[] = [];
  // What became of those that a test is interested in.
  readonly seen: string[] = [];
  // Called with each request before it is passed on.
  onRequest: (() => Promise<void> | void) | undefined;
  readonly #server: Server;

  private constructor(
    private readonly port: number,
    private readonly upstream: string,
  ) {
    this.#server = createServer((incoming, outgoing) => {
      this.#pass(incoming, outgoing).catch(() => outgoing.destroy());
    });
  }

  static async start(upstream: string): Promise<Gateway> {
    const gateway = new Gateway(await freePort(), upstream);
    gateway.#server.listen(gateway.port, "127.0.0.1");
    await once(gateway.#server, "listening");
    return gateway;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #pass(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const path = incoming.url!.startsWith(PREFIX) ? incoming.url!.slice(PREFIX.length) : incoming.url!;
    this.seen.push(`${incoming.method} ${path}`);
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    await this.onRequest?.();
    const fate = this.fates.shift() ?? "pass";
    if (fate === "refuse") return void outgoing.destroy();
    if (typeof fate === "object") {
      outgoing.writeHead(fate.status, fate.headers).end(fate.body);
      return;
    }
    const { method, headers } = incoming;
    const upstream = request(this.upstream + path, { method: method!, headers });
    upstream.on("error", () => outgoing.destroy());
    upstream.end(Buffer.concat(chunks));
    const [answer] = (await once(upstream, "response")) as [IncomingMessage];
    const body: Buffer[] = [];
    for await (const chunk of answer) body.push(chunk as Buffer);
    if (fate === "lose") return void outgoing.destroy();
    const whole = Buffer.concat(body);
    if (fate === "half") {
      outgoing.writeHead(answer.statusCode!, { ...answer.headers, "transfer-encoding": "chunked" });
      outgoing.write(whole.subarray(0, Math.max(1, whole.length >> 1)), () => outgoing.destroy());
      return;
    }
    outgoing.writeHead(answer.statusCode!, answer.headers);
    outgoing.end(whole);
  }
}
