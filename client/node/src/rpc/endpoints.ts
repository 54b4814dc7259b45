import type { ChannelCredentials, ChannelOptions } from "@grpc/grpc-js";
import { AuthStateServiceClient } from "../gen/authstate/v1/auth_state_service.js";
import { MAX_MESSAGE_BYTES } from "../limits.js";
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
}

/**
 * The servers that a process may use: one at a time, the next one when it is away or about to stop. A channel is made
 * when its server is first used.
 */
export class Endpoints {
  readonly #addresses: readonly string[];
  readonly #credentials: ChannelCredentials;
  readonly #made = new Map<string, Endpoint>();
  #current = 0;

  /** `addresses` has at least one. */
  constructor(addresses: readonly string[], credentials: ChannelCredentials) {
    this.#addresses = addresses;
    this.#credentials = credentials;
  }

  get current(): Endpoint {
    const address = this.#addresses[this.#current % this.#addresses.length];
    if (address === undefined) throw new RangeError("no address");
    const made = this.#made.get(address);
    if (made !== undefined) return made;
    const others = this.#addresses.length > 1 ? ` (one of ${this.#addresses.join(", ")})` : "";
    const serverName = serverNameOf(this.#credentials);
    const options = serverName === undefined ? {} : { "grpc.ssl_target_name_override": serverName };
    const client = new AuthStateServiceClient(address, this.#credentials, { ...CHANNEL_OPTIONS, ...options });
    const endpoint = { address, place: `${address}${others}`, client };
    this.#made.set(address, endpoint);
    return endpoint;
  }

  /** Goes on with the next server, unless somebody has already moved on from `endpoint`. */
  leave(endpoint: Endpoint): void {
    if (endpoint === this.current) this.#current = (this.#current + 1) % this.#addresses.length;
  }

  /** No call may be made from then on. */
  close(): void {
    for (const { client } of this.#made.values()) client.close();
  }
}
