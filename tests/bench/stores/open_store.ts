import type { BenchStore, StorePlace } from "./store.ts";

// A store with caches and connections of its own. Loads only what its kind needs.
export async function openStore({ kind, place, token, ca }: StorePlace): Promise<BenchStore> {
  switch (kind) {
    case "authstate":
    case "authstate-wb":
    case "authstate-sealed":
    case "authstate-tls":
    case "authstate-sealed-tls":
      return new (await import("./authstate.ts")).AuthstateStore({
        address: place,
        ...(token && { token }),
        ...(ca && { tls: { ca, serverName: "localhost" } }),
      });
    case "pg-adapter":
      return new (await import("./pg_adapter.ts")).PgAdapterStore(place);
    case "multi-file":
      return new (await import("./multi_file.ts")).MultiFileStore(place);
    case "redis":
      return new (await import("./redis.ts")).RedisStore(place);
    case "mysql-baileys":
      return new (await import("./mysql_baileys.ts")).MysqlBaileysStore(place);
  }
}
