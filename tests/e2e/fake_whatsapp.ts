import { EventEmitter, once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocketServer } from "ws";

// A WhatsApp that accepts connections and closes them, or refuses them with a status.
export class FakeWhatsApp extends EventEmitter {
  // Statuses that the next connections are refused with; without one, a connection is accepted and closed.
  readonly refusals: number[] = [];
  connections = 0;
  // Whether accepted connections stay open.
  patient = false;
  readonly #http: Server = createServer();
  readonly #webSocket = new WebSocketServer({ noServer: true });

  async start(): Promise<void> {
    this.#http.on("upgrade", (request, socket, head) => {
      this.connections++;
      const status = this.refusals.shift();
      if (status !== undefined) {
        socket.end(`HTTP/1.1 ${status} Refused\r\nConnection: close\r\n\r\n`);
      } else {
        this.#webSocket.handleUpgrade(request, socket, head, (accepted) => {
          accepted.once("close", () => this.emit("disconnection"));
          if (!this.patient) accepted.close();
        });
      }
      this.emit("connection");
    });
    this.#http.listen(0, "127.0.0.1");
    await once(this.#http, "listening");
  }

  get port(): number {
    return (this.#http.address() as AddressInfo).port;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/ws/chat`;
  }

  async connected(count: number): Promise<void> {
    while (this.connections < count) await once(this, "connection");
  }

  // Resolves when no more than `left` connections are open.
  async disconnected(left = 0): Promise<void> {
    while (this.#webSocket.clients.size > left) await once(this, "disconnection");
  }

  stop(): void {
    for (const client of this.#webSocket.clients) client.terminate();
    this.#http.close();
  }
}
