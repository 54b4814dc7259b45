// Runs session-pool.ts in a worker thread. On Node 20 a thread does not have the loader that its process has.
import { register } from "tsx/esm/api";

register();
await import("./session-pool.ts");
