import { BinaryReader } from "@bufbuild/protobuf/wire";
import { type CallOptions, type Client, Metadata } from "@grpc/grpc-js";

const METHOD = "/authstate.v1.AdminService/GetServerInfo";
// `version` of GetServerInfoResponse, a string.
const VERSION_TAG = (1 << 3) | 2;

// One field of one answer is all that this package reads of AdminService: stubs of the whole would be a third of it.
function versionIn(response: Buffer): string | undefined {
  const reader = new BinaryReader(response);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === VERSION_TAG) return reader.string();
    reader.skip(tag & 7);
  }
  return undefined;
}

/** The version that the server of `client` tells of itself; undefined where it does not, for whatever reason. */
export function serverVersion(client: Client, options: CallOptions): Promise<string | undefined> {
  return new Promise((resolve) => {
    const nothing = (): Buffer => Buffer.alloc(0);
    client.makeUnaryRequest(METHOD, nothing, versionIn, undefined, new Metadata(), options, (error, version) => {
      resolve(error === null ? version : undefined);
    });
  });
}
