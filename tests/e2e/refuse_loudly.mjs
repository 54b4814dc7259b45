// Baileys listens to the `unexpected-response` of its WebSocket, so that the library does not raise the error that Baileys
// would read the status from. Without a listener it does, and Baileys sees every reason of a disconnect that a test wants.
import { createRequire } from "node:module";
import { join } from "node:path";

const WebSocket = createRequire(join(process.cwd(), "package.json"))("ws");
const { emit } = WebSocket.prototype;
WebSocket.prototype.emit = function (event, ...args) {
  return event === "unexpected-response" ? false : emit.call(this, event, ...args);
};
