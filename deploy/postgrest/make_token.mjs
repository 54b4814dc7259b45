// Prints a token for PostgREST: PGRST_JWT_SECRET=… node make_token.mjs [DAYS]
//
// It makes its bearer tables_app, for so many days, or for as long as the secret is the same. Whoever has the secret can
// make tokens for any role that tables_gate may become, so it stays with PostgREST.
import { createHmac } from "node:crypto";

const DAY_S = 86_400;
const LEAST_SECRET_BYTES = 32;

const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

export function makeToken(secret, days) {
  if (Buffer.byteLength(secret) < LEAST_SECRET_BYTES) throw new Error("PGRST_JWT_SECRET: shorter than 32 bytes");
  const now = Math.floor(Date.now() / 1_000);
  const claims = { role: "tables_app", aud: "tables", iat: now, ...(days && { exp: now + days * DAY_S }) };
  const signed = `${encode({ alg: "HS256", typ: "JWT" })}.${encode(claims)}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}

if (import.meta.filename === process.argv[1]) {
  const days = process.argv[2];
  if (days !== undefined && !/^[1-9]\d{0,3}$/.test(days)) throw new Error("DAYS is a number from 1 to 9999");
  console.log(makeToken(process.env.PGRST_JWT_SECRET ?? "", Number(days ?? 0)));
}
