import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { mayRepeat } from "../src/request/repeatable.ts";
import { BASE, filtersOf, parseRequest, type TablesRequest } from "../src/request/request.ts";

const request = (method: string, path: string, body?: unknown, prefer = ""): TablesRequest =>
  parseRequest(BASE + path, { method, headers: { prefer }, ...(body !== undefined && { body: JSON.stringify(body) }) });

const MERGE = "resolution=merge-duplicates";

describe("a write whose answer was lost", () => {
  const KEY = ["id"];
  const cases: [what: string, request: TablesRequest, key: string[] | undefined, expected: boolean | undefined][] = [
    ["a read", request("GET", "/clients?id=eq.1"), undefined, true],
    ["a function", request("POST", "/rpc/f", {}), KEY, false],
    ["an insert", request("POST", "/clients", { id: 1 }), KEY, false],
    ["an upsert by a named key", request("POST", "/t?on_conflict=a,b", [{ a: 1, b: 2 }], MERGE), undefined, true],
    [
      "one of whose rows lacks it",
      request("POST", "/t?on_conflict=a,b", [{ a: 1, b: 2 }, { a: 1 }], MERGE),
      KEY,
      false,
    ],
    ["an upsert by a key that is not known", request("POST", "/t", { id: 1 }, MERGE), undefined, undefined],
    ["an upsert by the primary key", request("POST", "/t", { id: 1 }, MERGE), KEY, true],
    ["an upsert without it", request("POST", "/t", { name: "x" }, MERGE), KEY, false],
    ["an upsert into a table without a key", request("POST", "/t", { id: 1 }, MERGE), [], false],
    ["an update by the key", request("PATCH", "/t?id=eq.1", { name: "x" }), KEY, true],
    ["an update by half a key", request("PATCH", "/t?id=eq.1", { name: "x" }), ["id", "at"], false],
    ["an update of its own filter", request("PATCH", "/t?id=eq.1&name=eq.a", { name: "x" }), KEY, false],
    ["an update of what a path filters", request("PATCH", "/t?id=eq.1&data->>a=eq.a", { data: {} }), KEY, false],
    ["an update by what may be the key", request("PATCH", "/t?name=eq.a", { size: 1 }), undefined, undefined],
    ["an update by a list", request("PATCH", "/t?id=in.(1)", { name: "x" }), KEY, false],
    ["a delete by the key", request("DELETE", "/t?id=eq.1"), KEY, true],
    ["a delete that counts", request("DELETE", "/t?id=eq.1", undefined, "count=exact"), KEY, false],
  ];
  for (const [what, asked, key, expected] of cases) {
    it(`is ${expected === undefined ? "perhaps " : expected ? "" : "not "}sent again: ${what}`, () => {
      assert.equal(mayRepeat(asked, key), expected);
    });
  }
});

describe("a request", () => {
  it("has those of its parameters for filters that narrow the table's own rows", () => {
    const { table, ...asked } = request(
      "GET",
      '/a%20b?select=*,c(d)&c.d=eq.1&"x.y"=eq.2&or=(a.eq.1)&a=not.in.(1,2)&limit=1&order=a',
    );
    assert.equal(table, "a b");
    assert.deepEqual(filtersOf({ table, ...asked }), [
      { column: '"x.y"', operator: "eq", value: "2" },
      { column: "or", operator: "", value: "(a.eq.1)" },
      { column: "a", operator: "not.in", value: "(1,2)" },
    ]);
  });
});
