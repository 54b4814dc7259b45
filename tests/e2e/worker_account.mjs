// Starts worker_account.ts in a worker thread: on Node 20 a thread does not have the loader of its process.
import { register } from "tsx/esm/api";

register();
await import("./worker_account.ts");
