// What a store looks like to a workload: what makeWASocket is given of it.

export type Values = Record<string, Record<string, unknown>>;

export interface BenchSession {
  get(type: string, ids: string[]): Promise<Record<string, unknown>>;
  // `null` deletes. Resolves once the store says that it is written.
  set(values: Values): Promise<void>;
  // As `set`, but as fast as the database takes it: what is there before anything is measured.
  fill(values: Values): Promise<void>;
  close(): Promise<void>;
}

export interface BenchStore {
  // Reads the creds, as a pool does before it makes a socket.
  open(sessionId: string): Promise<BenchSession>;
  close(): Promise<void>;
}

// authstated with its defaults; with a file that acknowledges ahead of the database; and with what keeps others out:
// encryption and tokens, TLS, or all three.
export type AuthstateKind =
  "authstate" | "authstate-wb" | "authstate-sealed" | "authstate-tls" | "authstate-sealed-tls";

export type StoreKind = AuthstateKind | "pg-adapter" | "multi-file" | "redis" | "mysql-baileys";

// Where a store of this kind keeps its state: host:port of authstated, the URL of a database, or a folder.
export interface StorePlace {
  kind: StoreKind;
  place: string;
  // What a caller shows to authstated, and the file of the authority by which it is known over TLS.
  token?: string;
  ca?: string;
}
