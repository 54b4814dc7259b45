// TLS with files that may change while the process runs.
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext, rootCertificates } from "node:tls";
import { type ChannelCredentials, experimental } from "@grpc/grpc-js";
import { invalidField } from "../errors.js";
import type { AuthStateLogger } from "../logger.js";

const LOOK_EVERY_MS = 1_000;

/** How the server is known, and what is shown to it. Files are PEM, and are read again when they change. */
export interface TlsOptions {
  /** File with the authorities, one of which has signed the server's certificate. Default: those that Node.js knows. */
  ca?: string;
  /** File with the certificate to show, for a server that wants one; with `key`. */
  certificate?: string;
  /** File with the key of that certificate, without a passphrase. */
  key?: string;
  /** The name in the server's certificate, where it is not the host of the address. */
  serverName?: string;
}

type Field = "ca" | "certificate" | "key";
type Material = Partial<Record<Field, Buffer>>;
const FIELDS: readonly Field[] = ["ca", "certificate", "key"];

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function same(one: Material, other: Material): boolean {
  return FIELDS.every((field) => {
    const [a, b] = [one[field], other[field]];
    return a === b || (a !== undefined && b !== undefined && a.equals(b));
  });
}

// Runs what throws of the file that `field` names.
function withField<Result>(field: Field, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw invalidField(`tls.${field}`, reasonOf(error));
  }
}

// Synchronous, as the files are small and are read by nobody who waits for anything else.
function read(options: TlsOptions): Material {
  const material: Material = {};
  for (const field of FIELDS) {
    const path = options[field];
    if (path !== undefined) material[field] = withField(field, () => readFileSync(path));
  }
  return material;
}

function check({ ca, certificate, key }: Material): void {
  // A context takes any text for authorities, and then knows none.
  if (ca !== undefined) withField("ca", () => new X509Certificate(ca));
  if (certificate !== undefined) withField("certificate", () => new X509Certificate(certificate));
  withField("key", () => createSecureContext({ cert: certificate, key }));
}

type CaListener = experimental.CaCertificateUpdateListener;
type IdentityListener = experimental.IdentityCertificateUpdateListener;

// Hands out what the files hold, all of it in one step, and only what can be used: until then what was there before. A
// change counts once it was seen twice, so that files which are written one after the other have time to be. Looks while
// somebody listens.
class WatchedFiles implements experimental.CertificateProvider {
  #current: Material;
  #seen: Material | undefined;
  #refused: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #caListeners = new Set<CaListener>();
  readonly #identityListeners = new Set<IdentityListener>();

  /** Throws AuthStateError that names the option when the files cannot be used. */
  constructor(
    private readonly options: TlsOptions,
    private readonly logger: AuthStateLogger | undefined,
  ) {
    this.#current = read(options);
    check(this.#current);
  }

  addCaCertificateListener(listener: CaListener): void {
    this.#caListeners.add(listener);
    this.#start();
    listener(this.#caUpdate);
  }

  removeCaCertificateListener(listener: CaListener): void {
    this.#caListeners.delete(listener);
    this.#stop();
  }

  addIdentityCertificateListener(listener: IdentityListener): void {
    this.#identityListeners.add(listener);
    this.#start();
    listener(this.#identityUpdate);
  }

  removeIdentityCertificateListener(listener: IdentityListener): void {
    this.#identityListeners.delete(listener);
    this.#stop();
  }

  get #caUpdate(): experimental.CaCertificateUpdate {
    return { caCertificate: this.#current.ca ?? Buffer.from(rootCertificates.join("\n")) };
  }

  get #identityUpdate(): experimental.IdentityCertificateUpdate | null {
    const { certificate, key } = this.#current;
    return certificate === undefined || key === undefined ? null : { certificate, privateKey: key };
  }

  #start(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS).unref();
    this.#look();
  }

  #stop(): void {
    if (this.#caListeners.size > 0 || this.#identityListeners.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    try {
      const seen = read(this.options);
      const settled = this.#seen !== undefined && same(this.#seen, seen);
      this.#seen = seen;
      if (!settled || same(this.#current, seen)) return;
      check(seen);
      this.#current = seen;
    } catch (error) {
      this.#refuse(reasonOf(error));
      return;
    }
    this.#refused = undefined;
    for (const listener of this.#caListeners) listener(this.#caUpdate);
    for (const listener of this.#identityListeners) listener(this.#identityUpdate);
  }

  #refuse(why: string): void {
    if (this.#refused === why) return;
    this.#refused = why;
    this.logger?.warn({ error: why }, "new TLS files refused; the former ones stay in force");
  }
}

// Equal options have one object, so that pools which have them share a connection.
const made = new Map<string, ChannelCredentials>();
const serverNames = new WeakMap<ChannelCredentials, string>();

/** The name by which a server is known, which is an option of a channel. Undefined: the host of its address. */
export function serverNameOf(credentials: ChannelCredentials): string | undefined {
  return serverNames.get(credentials);
}

/** The options that the environment gives, in the variables of authstatectl; undefined where it does not ask for TLS. */
export function tlsOfEnvironment(environment: NodeJS.ProcessEnv): TlsOptions | undefined {
  const { AUTHSTATE_CA: ca, AUTHSTATE_CERT: certificate, AUTHSTATE_KEY: key } = environment;
  const { AUTHSTATE_SERVER_NAME: serverName } = environment;
  if (!ca) return undefined;
  return {
    ...(ca === "system" ? {} : { ca }),
    ...(certificate ? { certificate } : {}),
    ...(key ? { key } : {}),
    ...(serverName ? { serverName } : {}),
  };
}

/**
 * Credentials of a channel, for the files in `options`.
 *
 * @throws AuthStateError that names the option which cannot be used
 */
export function tlsCredentials(options: TlsOptions, logger: AuthStateLogger | undefined): ChannelCredentials {
  if (typeof options !== "object" || options === null) throw invalidField("tls", "must be an object");
  for (const field of [...FIELDS, "serverName"] as const) {
    const value: unknown = options[field];
    if (value !== undefined && (typeof value !== "string" || value === "")) {
      throw invalidField(`tls.${field}`, "must be a string that is not empty");
    }
  }
  const { ca, certificate, key, serverName } = options;
  if ((certificate === undefined) !== (key === undefined)) {
    throw invalidField("tls", "`certificate` and `key` are needed together");
  }
  const id = JSON.stringify([ca, certificate, key, serverName]);
  const found = made.get(id);
  if (found !== undefined) return found;
  const files = new WatchedFiles({ ...options }, logger);
  const credentials = experimental.createCertificateProviderChannelCredentials(
    files,
    certificate === undefined ? null : files,
  );
  made.set(id, credentials);
  if (serverName !== undefined) serverNames.set(credentials, serverName);
  return credentials;
}
