// Rows in batches: what an upsert of thousands of them is divided into.
import { refusal } from "../errors.js";

export type Row = Readonly<Record<string, unknown>>;

/**
 * Batches of at most `size` rows that have the same columns, for a batch gives every row every column of any: one that a
 * row has not would be NULL. Of rows with the same key the last one counts, as in one statement they are an error.
 */
export function batchesOf(table: string, rows: readonly Row[], key: readonly string[], size: number): Row[][] {
  const latest = new Map<string, Row>();
  rows.forEach((row, index) => {
    if (typeof row !== "object" || row === null || Array.isArray(row)) {
      throw refusal("INVALID", table, `rows[${index}] is no object`);
    }
    const values = key.map((column) => row[column]);
    // Without a whole key it is in conflict with no other.
    const isWhole = key.length > 0 && values.every((value) => value !== undefined && value !== null);
    const name = isWhole ? JSON.stringify(values) : `#${index}`;
    latest.delete(name);
    latest.set(name, row);
  });
  const alike = new Map<string, Row[]>();
  for (const row of latest.values()) {
    const columns = Object.keys(row).filter((column) => row[column] !== undefined);
    const shape = JSON.stringify(columns.sort());
    const group = alike.get(shape);
    if (group === undefined) alike.set(shape, [row]);
    else group.push(row);
  }
  const batches: Row[][] = [];
  for (const group of alike.values()) {
    for (let begin = 0; begin < group.length; begin += size) batches.push(group.slice(begin, begin + size));
  }
  return batches;
}
