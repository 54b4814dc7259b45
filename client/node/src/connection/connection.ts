// The connections of this process: one for everybody who names the same servers with the same credentials.
import { type ChannelCredentials, credentials } from "@grpc/grpc-js";
import type { AuthStateLogger } from "../logger.js";
import { Pipe } from "../pipe/pipe.js";
import { Endpoints } from "../rpc/endpoints.js";
import { GrpcTransport } from "../rpc/grpc_transport.js";
import type { Pacing } from "../rpc/pacing.js";
import { ATTEMPT_TIMEOUT_MS } from "../rpc/retry.js";
import type { Transport } from "../rpc/transport.js";
import { findUnknownHosts } from "./addresses.js";
import { Slots } from "./slots.js";
import { WarningLimit } from "./warning_limit.js";

// Whole sessions that are read at a time: below what a server allows, so that several processes may start at once.
const LOADS_AT_A_TIME = 2;
// How much a server that does not answer makes this process hold in the pipe, beside what callers hold themselves.
const PIPE_LIMITS = {
  unansweredBytes: 64 * 1024 * 1024,
  messageBytes: 1024 * 1024,
  answerTimeoutMs: ATTEMPT_TIMEOUT_MS,
};

export interface ConnectionOptions {
  /** At least one, each a `host:port`. */
  addresses: readonly string[];
  /** None: no TLS. */
  credentials: ChannelCredentials | undefined;
  pacing: Pacing;
  logger: AuthStateLogger | undefined;
}

/** A share of a connection; see `openConnection`. */
export interface Connection {
  readonly transport: Transport;
  readonly pipe: Pipe;
  /** For reading whole sessions. */
  readonly loads: Slots;
  /** For warnings that each session of the connection would repeat. */
  readonly warnings: WarningLimit;
  /**
   * Tells that a session is about to use it, until the returned function is called. While nobody does, no stream is open,
   * and the connection keeps no process alive.
   */
  enter(): () => void;
  /** Rejects with AuthStateError when no server's name exists. Once it has resolved, it never rejects again. */
  checkHosts(): Promise<void>;
  /** Gives the share back, once. The last one closes the connection. */
  close(): void;
}

// Two pools whose credentials were made apart may show different certificates: only the same object is equal, and no TLS
// is no TLS.
function sameCredentials(one: ChannelCredentials, other: ChannelCredentials): boolean {
  return one === other || (!one._isSecure() && !other._isSecure());
}

class SharedConnection {
  readonly transport: Transport;
  readonly pipe: Pipe;
  readonly loads = new Slots(LOADS_AT_A_TIME);
  readonly warnings: WarningLimit;
  // One for each share. What concerns the connection is told to the first one that has a logger.
  readonly loggers: { logger: AuthStateLogger | undefined }[] = [];
  readonly #endpoints: Endpoints;
  #hosts: Promise<void> | undefined;
  #sessions = 0;

  constructor(
    private readonly addresses: readonly string[],
    private readonly credentials: ChannelCredentials,
    private readonly pacing: Pacing,
  ) {
    this.#endpoints = new Endpoints(addresses, credentials);
    this.transport = new GrpcTransport(this.#endpoints);
    this.warnings = new WarningLimit(pacing);
    const logger: AuthStateLogger = {
      debug: (fields, message) => this.#logger?.debug(fields, message),
      warn: (fields, message) => this.warnings.warn(this.#logger, fields, message),
    };
    this.pipe = new Pipe({ endpoints: this.#endpoints, pacing, limits: PIPE_LIMITS, logger });
  }

  get #logger(): AuthStateLogger | undefined {
    return this.loggers.find(({ logger }) => logger !== undefined)?.logger;
  }

  serves(addresses: readonly string[], wanted: ChannelCredentials, pacing: Pacing): boolean {
    return (
      this.pacing === pacing &&
      this.addresses.length === addresses.length &&
      this.addresses.every((address, index) => address === addresses[index]) &&
      sameCredentials(this.credentials, wanted)
    );
  }

  enter(): () => void {
    this.#sessions++;
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      if (--this.#sessions === 0) this.pipe.rest();
    };
  }

  checkHosts(): Promise<void> {
    this.#hosts ??= this.#findUnknownHosts();
    return this.#hosts;
  }

  close(): void {
    this.pipe.close();
    this.#endpoints.close();
  }

  async #findUnknownHosts(): Promise<void> {
    try {
      const unknown = await findUnknownHosts(this.addresses);
      if (unknown.length > 0)
        this.#logger?.warn({ addresses: unknown }, "no such host name; the other servers are used");
    } catch (error) {
      this.#hosts = undefined;
      throw error;
    }
  }
}

// Of this copy of the package: the CommonJS and the ES module have one each, as their errors are of different classes.
const shared = new Set<SharedConnection>();

/**
 * A share of the connection to these servers with these credentials: of the one that this process has, or of a new one.
 * Connects when it is first used.
 */
export function openConnection(options: ConnectionOptions): Connection {
  const { addresses, credentials: wanted = credentials.createInsecure(), pacing, logger } = options;
  const found = [...shared].find((each) => each.serves(addresses, wanted, pacing));
  const connection = found ?? new SharedConnection(addresses, wanted, pacing);
  shared.add(connection);
  const share = { logger };
  connection.loggers.push(share);
  const { transport, pipe, loads, warnings } = connection;
  return {
    ...{ transport, pipe, loads, warnings },
    enter: () => connection.enter(),
    checkHosts: () => connection.checkHosts(),
    close() {
      const index = connection.loggers.indexOf(share);
      if (index < 0) return;
      connection.loggers.splice(index, 1);
      if (connection.loggers.length > 0) return;
      shared.delete(connection);
      connection.close();
    },
  };
}
