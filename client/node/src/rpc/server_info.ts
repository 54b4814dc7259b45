import { BinaryReader } from "@bufbuild/protobuf/wire";
import { type CallOptions, type Client, Metadata, type ServiceError } from "@grpc/grpc-js";

const METHOD = "/authstate.v1.AdminService/GetServerInfo";
// In GetServerInfoResponse `version` and `profile` are strings, `maintenance` is a message that begins with its `reason`.
const VERSION = 1;
const PROFILE = 11;
const MAINTENANCE = 13;
const REASON = 1;

/** What a server tells of itself. */
export interface ServerInfo {
  /** Its version, as `authstated --version` prints it. */
  version: string;
  /** The profile of the database that serves: `supabase`, `timeweb`, `postgres`, `sqlite`. */
  profile: string;
  /** The maintenance that the server has heard of: nobody writes meanwhile. Unset: there is none. */
  maintenance?: { reason: string };
}

// Three fields of one answer are all that this package reads of AdminService: stubs of the whole would be a third of it.
function infoIn(response: Buffer): ServerInfo {
  const info: ServerInfo = { version: "", profile: "" };
  const reader = new BinaryReader(response);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag >>> 3 === VERSION) info.version = reader.string();
    else if (tag >>> 3 === PROFILE) info.profile = reader.string();
    else if (tag >>> 3 === MAINTENANCE) info.maintenance = { reason: reasonIn(reader.bytes()) };
    else reader.skip(tag & 7);
  }
  return info;
}

function reasonIn(maintenance: Uint8Array): string {
  const reader = new BinaryReader(maintenance);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag >>> 3 === REASON) return reader.string();
    reader.skip(tag & 7);
  }
  return "";
}

/** Asks the server of `client`; takes the right `admin`. */
export function askServerInfo(
  client: Client,
  options: CallOptions,
  callback: (error: ServiceError | null, info: ServerInfo) => void,
): void {
  const nothing = (): Buffer => Buffer.alloc(0);
  client.makeUnaryRequest(METHOD, nothing, infoIn, undefined, new Metadata(), options, (error, info) => {
    callback(error, info ?? { version: "", profile: "" });
  });
}

/** The version that the server of `client` tells of itself; undefined where it does not, for whatever reason. */
export function serverVersion(client: Client, options: CallOptions): Promise<string | undefined> {
  return new Promise((resolve) => {
    askServerInfo(client, options, (error, { version }) => resolve(error === null ? version : undefined));
  });
}
