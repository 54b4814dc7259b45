// Checks where servers listen before anything is sent, so that nobody waits for a mistyped address.
import dns from "node:dns";
import { isIP } from "node:net";
import { invalidField } from "../errors.js";

const HOST_AND_PORT = /^(?:\[(?<bracketed>[^\]]+)\]|(?<host>[^:/?#\s[\]]+)):(?<port>\d{1,5})$/;
const LABEL = /^(?!-)[A-Za-z0-9_-]{1,63}(?<!-)$/;
const EXAMPLE = "write host:port, such as 127.0.0.1:50051";
// Where one of these is set, the proxy resolves the names.
const PROXY_VARIABLES = ["grpc_proxy", "https_proxy", "http_proxy"];

function isHostName(text: string): boolean {
  const labels = text.replace(/\.$/, "").split(".");
  // What ends in a number is an IPv4 address, or a mistake in one.
  return text.length <= 254 && labels.every((label) => LABEL.test(label)) && !/^\d+$/.test(labels.at(-1) ?? "");
}

// As authstated listens on it: a path, which may be relative.
const UNIX_SOCKET = /^unix:(?!\/\/)[^\0]+$/;

// The host, or undefined for a unix socket, which has none.
function hostOf(field: string, address: unknown): string | undefined {
  if (typeof address !== "string") throw invalidField(field, `must be a string; ${EXAMPLE}`);
  if (UNIX_SOCKET.test(address)) return undefined;
  if (/^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(address)) throw invalidField(field, `is a URL; ${EXAMPLE}`);
  const { bracketed, host = bracketed ?? "", port } = HOST_AND_PORT.exec(address)?.groups ?? {};
  const shown = JSON.stringify(address.slice(0, 300));
  if (port === undefined) {
    const what = isIP(address) === 6 ? "write an IPv6 address in brackets, such as [::1]:50051" : EXAMPLE;
    throw invalidField(field, `${shown} is no host and port; ${what}`);
  }
  if (Number(port) < 1 || Number(port) > 65_535) throw invalidField(field, `${shown}: the port must be 1 to 65535`);
  const good = bracketed === undefined ? isIP(host) === 4 || isHostName(host) : isIP(bracketed) === 6;
  if (!good) throw invalidField(field, `${shown}: neither an IP address nor a host name; ${EXAMPLE}`);
  return host;
}

/**
 * The servers' addresses, from either option.
 *
 * @throws AuthStateError that names the option when there is none, or one that is neither `host:port` nor `unix:PATH`
 */
export function checkAddresses(options: { address?: string; addresses?: readonly string[] }): readonly string[] {
  const { address, addresses } = options;
  if (addresses === undefined && address !== undefined) {
    hostOf("address", address);
    return [address];
  }
  if (addresses === undefined || addresses.length === 0) {
    throw invalidField("address", `is needed: where authstated listens; ${EXAMPLE}`);
  }
  if (!Array.isArray(addresses)) throw invalidField("addresses", `must be a list; ${EXAMPLE}`);
  addresses.forEach((each, index) => hostOf(`addresses[${index}]`, each));
  return [...addresses];
}

/** Whether what is sent to `address`, which was checked before, stays on this machine. */
export function isLoopback(address: string): boolean {
  const host = hostOf("addresses", address);
  if (host === undefined) return true;
  if (isIP(host) === 0) return /^localhost\.?$/i.test(host);
  if (isIP(host) === 4) return host.startsWith("127.");
  // A URL has the one canonical form of an IPv6 address, and that of 127.0.0.0/8 within ::ffff:0:0/96.
  return /^\[::(1|ffff:7f[0-9a-f]{2}:[0-9a-f]+)\]$/.test(new URL(`http://[${host}]`).hostname);
}

async function isUnknown(host: string | undefined): Promise<boolean> {
  if (host === undefined || isIP(host) !== 0) return false;
  try {
    await dns.promises.lookup(host);
    return false;
  } catch (error) {
    // Any other failure is the resolver's own and may pass: that is waited for, as every outage is.
    return (error as NodeJS.ErrnoException).code === "ENOTFOUND";
  }
}

/**
 * Asks the resolver for the names in `addresses`, which were checked before.
 *
 * @returns the addresses whose host name does not exist
 * @throws AuthStateError when no host name exists
 */
export async function findUnknownHosts(addresses: readonly string[]): Promise<string[]> {
  if (PROXY_VARIABLES.some((name) => process.env[name])) return [];
  const unknown = await Promise.all(addresses.map((address) => isUnknown(hostOf("addresses", address))));
  const bad = addresses.filter((_, index) => unknown[index]);
  if (bad.length === addresses.length) {
    throw invalidField(
      "address",
      `${bad.join(", ")}: no such host name; check its spelling, and the resolver's settings`,
    );
  }
  return bad;
}
