// Finds the server on which a session is at home. Servers with write-behind serve sessions from files of their own, and
// each names the one that has a session.
import { AuthStateError, connectionError } from "../errors.js";
import { homeIn } from "../home_owner.js";
import { attachToPipe } from "../pipe/pipe_link.js";
import type { AttachRequest, SessionLink } from "../rpc/session_link.js";
import type { Transport } from "../rpc/transport.js";
import { attachByCalls } from "../rpc/unary_link.js";
import type { Connection } from "./connection.js";

// A session moves while it is looked for only when its home has just been given back.
const MAX_HOPS = 2;

function attachOn({ pipe, transport }: Connection, request: AttachRequest): Promise<SessionLink> {
  return pipe.supported ? attachToPipe(pipe, request) : attachByCalls(transport, request);
}

/**
 * The servers of a pool as homes of its sessions. A server that the pool's own addresses do not name is never connected to,
 * whatever another one says: it would be shown the token.
 */
export class Homes {
  readonly #addresses: readonly string[];
  readonly #open: (address: string) => Connection;
  readonly #connections = new Map<string, Connection>();

  /** `open` makes a connection to one server alone. */
  constructor(addresses: readonly string[], open: (address: string) => Connection) {
    this.#addresses = addresses;
    this.#open = open;
  }

  /** That of the pool's addresses at which the session is at home, by an error which names its owner. */
  addressIn(error: unknown): string | undefined {
    if (!(error instanceof AuthStateError) || !/^(LEASE_HELD|STALE_FENCE)$/.test(error.reason)) return undefined;
    const named = homeIn(error.owner)?.address?.toLowerCase();
    return this.#addresses.find((address) => address.toLowerCase() === named);
  }

  /** The connection to `address`, which is one of the pool's. */
  to(address: string): Connection {
    const connection = this.#connections.get(address) ?? this.#open(address);
    this.#connections.set(address, connection);
    return connection;
  }

  /** No route may be used from then on. */
  close(): void {
    for (const connection of this.#connections.values()) connection.close();
  }
}

/** Where one session is served: on the pool's connection, or at its home. */
export class SessionRoute {
  readonly #main: Connection;
  readonly #homes: Homes;
  readonly #leaveMain: () => void;
  #home: { address: string; connection: Connection; leave(): void } | undefined;

  /** The connection is in use until `close`. */
  constructor(main: Connection, homes: Homes) {
    this.#main = main;
    this.#homes = homes;
    this.#leaveMain = main.enter();
  }

  /** For calls that are not made under a lease; for others there is that of a SessionLink. */
  get transport(): Transport {
    return this.#connection.transport;
  }

  /** Whether `error` only says that the session is at home on another of the pool's servers, which alone knows its owner. */
  isElsewhere(error: AuthStateError): boolean {
    return this.#homes.addressIn(error) !== undefined;
  }

  /**
   * Attaches the session where it is served, at once also where that is another server than before. A session at home on a
   * server of the pool is stolen there, and never from there: what that server has acknowledged would be lost. Rejects with
   * AuthStateError; a session whose home does not answer may be at home elsewhere by the next try.
   */
  async attach(request: AttachRequest): Promise<SessionLink> {
    for (let hops = 0; ; hops++) {
      try {
        return await this.#attachHere(request);
      } catch (error) {
        const address = this.#homes.addressIn(error);
        if (address === undefined || address === this.#home?.address) {
          if (error instanceof AuthStateError && error.retryable) this.#goTo(undefined);
          throw error;
        }
        if (hops === MAX_HOPS) {
          throw connectionError(`${request.sessionId}: each server says that the session is at home on another one`);
        }
        this.#goTo(address);
      }
    }
  }

  /** Lets go of the connections. */
  close(): void {
    this.#goTo(undefined);
    this.#leaveMain();
  }

  get #connection(): Connection {
    return this.#home?.connection ?? this.#main;
  }

  async #attachHere(request: AttachRequest): Promise<SessionLink> {
    if (!request.steal) return attachOn(this.#connection, request);
    try {
      return await attachOn(this.#connection, { ...request, steal: false });
    } catch (error) {
      const isHeld = error instanceof AuthStateError && error.reason === "LEASE_HELD";
      if (!isHeld || this.isElsewhere(error)) throw error;
      return attachOn(this.#connection, request);
    }
  }

  // The pool's connection, where there is no address.
  #goTo(address: string | undefined): void {
    this.#home?.leave();
    this.#home = undefined;
    if (address === undefined) return;
    const connection = this.#homes.to(address);
    this.#home = { address, connection, leave: connection.enter() };
  }
}
