export { NoProgramError } from "./program.js";
export { type RunningServer, type ServerEnd, type ServerOptions, ServerStartError, startServer } from "./server.js";
