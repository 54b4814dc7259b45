import type { ChannelCredentials, ChannelOptions } from "@grpc/grpc-js";
import { AuthStateServiceClient } from "../gen/authstate/v1/auth_state_service.js";
import { MAX_MESSAGE_BYTES } from "../limits.js";
import type { Bearer, CallToken } from "./bearer.js";
import { serverNameOf } from "./tls_credentials.js";

const CHANNEL_OPTIONS: ChannelOptions = {
  "grpc.max_send_message_length": MAX_MESSAGE_BYTES,
  "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
  // What may be on its way to this process: with the default of 64 KiB, every page of a session that is loaded waits for
  // several round trips.
  "grpc-node.flow_control_window": 4 * 1024 * 1024,
  // Finds a connection that died without a word, also between calls. The server allows a ping every 30 s.
  "grpc.keepalive_time_ms": 45_000,
  "grpc.keepalive_timeout_ms": 10_000,
  "grpc.keepalive_permit_without_calls": 1,
  // The default lets two minutes pass between attempts to connect: longer than the patience of a call.
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 2_000,
};

/** One of the servers that share a database. */
export interface Endpoint {
  readonly address: string;
  /** The address, and which others there are, in words for messages. */
  readonly place: string;
  readonly client: AuthStateServiceClient;
  /** What the next call shows. */
  show(): CallToken;
}

export interface EndpointsOptions {
  /** At least one. */
  addresses: readonly string[];
  credentials: ChannelCredentials;
  bearer: Bearer;
}

/**
 * The servers that a process may use: one at a time, the next one when it is away or about to stop. A channel is made
 * when its server is first used.
 */
export class Endpoints {
  readonly #options: EndpointsOptions;
  readonly #made = new Map<string, Endpoint>();
  #current = 0;

  constructor(options: EndpointsOptions) {
    this.#options = options;
  }

  get current(): Endpoint {
    const { addresses, credentials, bearer } = this.#options;
    const address = addresses[this.#current % addresses.length];
    if (address === undefined) throw new RangeError("no address");
    const made = this.#made.get(address);
    if (made !== undefined) return made;
    const others = addresses.length > 1 ? ` (one of ${addresses.join(", ")})` : "";
    const client = new AuthStateServiceClient(address, credentials, { ...CHANNEL_OPTIONS, ...this.#ownOptions() });
    const endpoint = { address, place: `${address}${others}`, client, show: () => bearer.show() };
    this.#made.set(address, endpoint);
    return endpoint;
  }

  /** Goes on with the next server, unless somebody has already moved on from `endpoint`. */
  leave(endpoint: Endpoint): void {
    if (endpoint === this.current) this.#current = (this.#current + 1) % this.#options.addresses.length;
  }

  /** No call may be made from then on. */
  close(): void {
    for (const { client } of this.#made.values()) client.close();
  }

  #ownOptions(): ChannelOptions {
    const { credentials, bearer } = this.#options;
    const serverName = serverNameOf(credentials);
    if (serverName !== undefined) return { "grpc.ssl_target_name_override": serverName };
    // In plain text a token stays on this machine, and goes through no proxy that the environment names.
    return bearer.hasToken && !credentials._isSecure() ? { "grpc.enable_http_proxy": 0 } : {};
  }
}
