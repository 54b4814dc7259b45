// What @authstate/tables costs over postgrest-js alone, on the same PostgREST and PostgreSQL.
import { PostgrestClient } from "@supabase/postgrest-js";
import { createTables } from "../../client/tables/dist/esm/index.js";
import { Databases, isPostgrestHere, TOKEN } from "../tables/databases.ts";
import type { Contender, PeerName, Row } from "./row.ts";
import { latencyMs } from "./timing.ts";

const CLIENTS = 1_299;
const UPSERTED = 100;
const COMPANY = 962302;

type Client = Pick<PostgrestClient, "from">;
type Work = (client: Client, turn: number) => PromiseLike<{ error: unknown }>;

const WORKS: [name: string, conditions: string, work: Work][] = [
  [
    "tables-single",
    "one row of 39 columns by its key",
    (client, turn) =>
      client
        .from("clients")
        .select("*")
        .eq("id", 1 + (turn % CLIENTS))
        .single(),
  ],
  ["tables-list/63", "all 63 rows of a table", (client) => client.from("services").select("*")],
  [
    `tables-upsert/${UPSERTED}`,
    `${UPSERTED} rows written over in one statement`,
    (client, turn) =>
      client.from("clients").upsert(
        Array.from({ length: UPSERTED }, (_, index) => ({
          ...{ yclients_id: 100_001 + index, company_id: COMPANY, name: `name ${turn}`, visit_count: turn },
        })),
        { onConflict: "yclients_id,company_id" },
      ),
  ],
];

export class TablesRows {
  #databases: Promise<Databases> | undefined;
  #turn = 0;

  rows(): Row[] {
    if (!isPostgrestHere) return [];
    return WORKS.map(([name, conditions, work]) => ({
      ...{ name, unit: "ms", better: "lower", conditions: `${conditions}, one at a time, PostgREST 12` },
      ours: this.#contender("ours", work, (url) =>
        createTables({ use: "timeweb", timeweb: { url, token: TOKEN }, keys: { clients: ["id"] } }),
      ),
      peers: [
        this.#contender("postgrest-js", work, (url) => {
          return new PostgrestClient(url, { headers: { authorization: `Bearer ${TOKEN}` } });
        }),
      ],
    }));
  }

  #contender<Name extends "ours" | PeerName>(name: Name, work: Work, make: (url: string) => Client): Contender<Name> {
    let client: Client | undefined;
    return {
      name,
      conditions: () => "",
      prepare: async () => {
        const databases = await (this.#databases ??= Databases.start({ tables: "live" }));
        client = make(databases.postgrest.get("tables")!.url);
      },
      measure: (timing) =>
        latencyMs(timing, async () => {
          const { error } = await work(client!, ++this.#turn);
          if (error !== null) throw new Error(`${name}: ${JSON.stringify(error)}`);
        }),
    };
  }

  async stop(): Promise<void> {
    await (await this.#databases)?.stop();
  }
}
