// A way to a port of this machine that can be cut, so that one server loses a database that others go on with.
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export class CuttableRoute {
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  #isCut = false;

  private constructor(target: number) {
    this.#server = createServer((near) => {
      if (this.#isCut) return void near.destroy();
      const far = connect(target, "127.0.0.1");
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(from);
        from.pipe(to);
        from.on("error", () => to.destroy()).on("close", () => void (this.#sockets.delete(from) && to.destroy()));
      }
    });
  }

  static async to(target: number): Promise<CuttableRoute> {
    const route = new CuttableRoute(target);
    route.#server.listen(0, "127.0.0.1");
    await once(route.#server, "listening");
    return route;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  // Resets what goes this way, and whoever comes until it is mended.
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#isCut = false;
  }

  close(): void {
    this.cut();
    this.#server.close();
  }
}
