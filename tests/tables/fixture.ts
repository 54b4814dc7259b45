// Both databases, each behind a gateway, and tables on them.
import { PostgrestClient } from "@supabase/postgrest-js";
import { type CallOptions, createTables, type Tables, type TablesOptions } from "../../client/tables/dist/esm/index.js";
import { Databases, type Form, TOKEN } from "./databases.ts";
import { Gateway } from "./gateway.ts";

export const NAMES = ["supabase", "timeweb"] as const;
export type Name = (typeof NAMES)[number];

export class Fixture {
  private constructor(
    readonly databases: Databases,
    private readonly gateways: Record<Name, Gateway>,
  ) {}

  static async start(forms: Record<Name, Form>, settings: Record<string, string> = {}): Promise<Fixture> {
    const databases = await Databases.start(forms, settings);
    const gateway = (name: Name): Promise<Gateway> => Gateway.start(databases.postgrest.get(name)!.url);
    return new Fixture(databases, { supabase: await gateway("supabase"), timeweb: await gateway("timeweb") });
  }

  gateway(name: Name): Gateway {
    return this.gateways[name];
  }

  // On the databases through their gateways.
  tables(use: NonNullable<TablesOptions["use"]>, more: Partial<TablesOptions> & CallOptions = {}): Tables {
    return createTables({
      supabase: { url: this.gateways.supabase.url, key: TOKEN },
      timeweb: { url: this.gateways.timeweb.url, token: TOKEN },
      patienceMs: 10_000,
      use,
      ...more,
    });
  }

  // postgrest-js alone, past the gateway.
  direct(name: Name): PostgrestClient {
    const headers = { authorization: `Bearer ${TOKEN}` };
    return new PostgrestClient(this.databases.postgrest.get(name)!.url, { headers });
  }

  async stop(): Promise<void> {
    for (const gateway of Object.values(this.gateways)) await gateway.stop();
    await this.databases.stop();
  }
}

// What a call comes to, thrown or returned.
export async function caught(call: PromiseLike<unknown>): Promise<Record<string, unknown>> {
  try {
    await call;
  } catch (error) {
    return error as Record<string, unknown>;
  }
  throw new Error("it did not fail");
}
