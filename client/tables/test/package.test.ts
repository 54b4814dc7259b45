// The built package, as programs load it, on a database that is a function.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { describe, it } from "node:test";

type Package = typeof import("../src/index.ts");

const json = (body: unknown, status = 200): Response =>
  new Response(JSON.stringify(body), {
    status,
    headers: { "content-type": "application/json", "content-range": "0-0/*" },
  });

const loaders: [name: string, load: () => Promise<Package>][] = [
  ["import", () => import("@authstate/tables") as unknown as Promise<Package>],
  ["require", async () => createRequire(import.meta.url)("@authstate/tables") as Package],
];

for (const [name, load] of loaders) {
  describe(`@authstate/tables by ${name}`, () => {
    it("calls Supabase as its client does, and PostgREST by a token that may change", async () => {
      const { createTables } = await load();
      const seen: [url: string, headers: Headers][] = [];
      const fetch: typeof globalThis.fetch = async (url, init) => {
        seen.push([String(url), new Headers(init?.headers)]);
        return json([{ id: 1 }]);
      };
      let turn = 0;
      const options = {
        supabase: { url: "https://p.example/", key: "KEY" },
        timeweb: { url: "http://127.0.0.1:3400", token: () => `TOKEN${++turn}` },
        fetch,
      };
      await createTables({ ...options, use: "supabase" })
        .from("clients")
        .select("id");
      const timeweb = createTables({ ...options, use: "timeweb" });
      await timeweb.from("clients").select("id").eq("name", "a b");
      await timeweb.schema("other").from("clients").select();
      assert.deepEqual(
        seen.map(([url]) => url),
        [
          "https://p.example/rest/v1/clients?select=id",
          "http://127.0.0.1:3400/clients?select=id&name=eq.a+b",
          "http://127.0.0.1:3400/clients?select=*",
        ],
      );
      assert.equal(seen[0]![1].get("apikey"), "KEY");
      assert.equal(seen[0]![1].get("authorization"), "Bearer KEY");
      assert.equal(seen[1]![1].get("apikey"), null);
      assert.equal(seen[2]![1].get("authorization"), "Bearer TOKEN2");
      assert.equal(seen[2]![1].get("accept-profile"), "other");
    });

    it("logs a line a call, without a value", async () => {
      const { createTables } = await load();
      const lines: string[] = [];
      const tables = createTables({
        use: "timeweb",
        timeweb: { url: "http://x.example" },
        logger: { debug: (fields, message) => void lines.push(JSON.stringify({ message, ...fields })) },
        fetch: async () => json([{ name: "SECRET" }]),
      });
      await tables.from("clients").select("name").eq("phone", "SECRET").or("id.eq.1,name.eq.SECRET").limit(5);
      await tables.from("clients").insert({ name: "SECRET" });
      await tables.rpc("f", { a: "SECRET" });
      assert.equal(lines.length, 3);
      assert.ok(!lines.join("").includes("SECRET"), lines.join("\n"));
      assert.match(lines[0]!, /"filters":\["phone.eq","or"\],"attempts":1/);
    });

    it("has the errors of newer versions of PostgREST as those of older ones", async () => {
      const { createTables } = await load();
      const message = "Could not find the table 'public.nope' in the schema cache";
      const tables = createTables({
        use: "timeweb",
        timeweb: { url: "http://x.example" },
        fetch: async () => json({ code: "PGRST205", message, details: null, hint: null }, 404),
      });
      const { error } = await tables.from("nope").select();
      assert.equal(error!.code, "42P01");
      assert.equal(error!.message, 'relation "public.nope" does not exist');
    });

    it("refuses options that it cannot go by", async () => {
      const { createTables, isTablesError } = await load();
      const timeweb = { url: "http://x.example" };
      const wrong: Parameters<Package["createTables"]>[0][] = [
        { use: "timeweb" },
        { use: "supabase", timeweb },
        { use: "timeweb", timeweb: { url: "ftp://x" } },
        { use: "timeweb", timeweb: { url: "http://x?y" } },
        { use: "timeweb", timeweb, patienceMs: -1 },
        { use: "timeweb", timeweb, keys: { t: [] } },
        { use: "postgres" as "timeweb", timeweb },
      ];
      for (const options of wrong) {
        assert.throws(
          () => createTables(options),
          (error) => isTablesError(error) && error.code === "INVALID",
        );
      }
    });
  });
}
