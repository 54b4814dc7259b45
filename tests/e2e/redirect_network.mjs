// Preloaded into a program that is run as it stands: what it connects to is found on this machine. WhatsApp's WebSocket
// goes to a server without TLS, and authstated has another port than the usual one.
import net from "node:net";
import tls from "node:tls";

const { AUTHSTATED_PORT, WHATSAPP_PORT } = process.env;
const { connect } = net;

net.connect = (...args) => {
  const [options] = args;
  if (options?.port === 50051 || options?.port === "50051") {
    return connect({ ...options, port: Number(AUTHSTATED_PORT) }, ...args.slice(1));
  }
  return connect(...args);
};

tls.connect = (options) => {
  if (options.host !== "web.whatsapp.com") throw new Error(`nothing else is to be reached: ${options.host}`);
  return connect({ port: Number(WHATSAPP_PORT), host: "127.0.0.1" });
};
