// Compiled against Baileys 7 and 6.7, never run: what the package returns is what Baileys takes.
import { type AuthenticationState, makeWASocket, type SignalKeyStore } from "baileys";
import { type AuthState, useAuthState } from "../dist/esm/index.js";

export async function compiles(): Promise<AuthenticationState> {
  const { state, saveCreds }: AuthState = await useAuthState("session", { address: "127.0.0.1:50051" });
  const keys: SignalKeyStore = state.keys;
  const { a: preKey } = await keys.get("pre-key", ["a"]);
  await keys.set({ "pre-key": { a: preKey ?? null } });
  makeWASocket({ auth: state }).ev.on("creds.update", saveCreds);
  return state;
}
