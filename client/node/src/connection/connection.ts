// The connections of this process. Pools that name the same servers with the same credentials and token share one.
import { type ChannelCredentials, credentials } from "@grpc/grpc-js";
import type { AuthStateLogger } from "../logger.js";
import { Pipe } from "../pipe/pipe.js";
import { Bearer } from "../rpc/bearer.js";
import { Endpoints } from "../rpc/endpoints.js";
import type { Pacing } from "../rpc/pacing.js";
import { ATTEMPT_TIMEOUT_MS } from "../rpc/retry.js";
import type { TokenSource } from "../rpc/token_source.js";
import { Transport } from "../rpc/transport.js";
import { findUnknownHosts } from "./addresses.js";
import { Slots } from "./slots.js";
import { WarningLimit } from "./warning_limit.js";

// Whole sessions that are read at a time: below what a server allows, so that several processes may start at once.
const LOADS_AT_A_TIME = 2;
// These bound what the pipe holds for a server that does not answer, beside what the callers hold themselves.
const PIPE_LIMITS = {
  unansweredBytes: 64 * 1024 * 1024,
  messageBytes: 1024 * 1024,
  answerTimeoutMs: ATTEMPT_TIMEOUT_MS,
};

export interface ConnectionOptions {
  /** At least one, each `host:port` or `unix:PATH`. */
  addresses: readonly string[];
  /** Unset for a connection without TLS. */
  credentials: ChannelCredentials | undefined;
  /** Unset for a process without a token. */
  tokens: TokenSource | undefined;
  pacing: Pacing;
  logger: AuthStateLogger | undefined;
}

/** A share of a connection; see `openConnection`. */
export interface Connection {
  readonly transport: Transport;
  readonly pipe: Pipe;
  /** Who reads a whole session takes one of these. */
  readonly loads: Slots;
  /** Takes the warnings that each session of the connection would repeat. */
  readonly warnings: WarningLimit;
  /**
   * Tells that a session uses the connection from now on, until the returned function is called. While no session does, no
   * stream is open, and the connection keeps no process alive.
   */
  enter(): () => void;
  /** Rejects with AuthStateError when no server's name exists. Once it has resolved, it never rejects again. */
  checkHosts(): Promise<void>;
  /** Gives the share back, once. The last one closes the connection. */
  close(): void;
}

// Credentials are equal if they are the same object, for others may hold different certificates, or if neither has TLS.
function sameCredentials(one: ChannelCredentials, other: ChannelCredentials): boolean {
  return one === other || (!one._isSecure() && !other._isSecure());
}

function sameTokens(one: TokenSource | undefined, other: TokenSource | undefined): boolean {
  return one === undefined || other === undefined ? one === other : one.equals(other);
}

type Shareable = Required<Omit<ConnectionOptions, "logger" | "credentials">> & { credentials: ChannelCredentials };

class SharedConnection {
  readonly transport: Transport;
  readonly pipe: Pipe;
  readonly loads = new Slots(LOADS_AT_A_TIME);
  readonly warnings: WarningLimit;
  // Each share has an entry here. What concerns the whole connection goes to the first logger.
  readonly loggers: { logger: AuthStateLogger | undefined }[] = [];
  readonly #endpoints: Endpoints;
  readonly #options: Shareable;
  #hosts: Promise<void> | undefined;
  #sessions = 0;

  constructor(options: Shareable) {
    const { addresses, credentials, tokens, pacing } = options;
    this.#options = options;
    this.#endpoints = new Endpoints({ addresses, credentials, bearer: new Bearer(tokens, pacing) });
    this.transport = new Transport(this.#endpoints);
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

  serves(wanted: Shareable): boolean {
    const { addresses, credentials, tokens, pacing } = this.#options;
    return (
      pacing === wanted.pacing &&
      addresses.length === wanted.addresses.length &&
      addresses.every((address, index) => address === wanted.addresses[index]) &&
      sameCredentials(credentials, wanted.credentials) &&
      sameTokens(tokens, wanted.tokens)
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
      const unknown = await findUnknownHosts(this.#options.addresses);
      if (unknown.length > 0)
        this.#logger?.warn({ addresses: unknown }, "no such host name; the other servers are used");
    } catch (error) {
      this.#hosts = undefined;
      throw error;
    }
  }
}

// The CommonJS and the ES module of this package have one set each, for they have different classes of errors.
const shared = new Set<SharedConnection>();

/**
 * A share of the connection to these servers with these credentials and this token: of the one that this process has, or of
 * a new one. Connects when it is first used.
 */
export function openConnection({ logger, ...options }: ConnectionOptions): Connection {
  const wanted = { ...options, credentials: options.credentials ?? credentials.createInsecure() };
  const found = [...shared].find((each) => each.serves(wanted));
  const connection = found ?? new SharedConnection(wanted);
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
