// A row of the report: the same thing done by us and by others, in turns.
import type { StoreKind } from "./stores/store.ts";
import type { Timing } from "./timing.ts";
import { median } from "./timing.ts";

export type PeerName = StoreKind | "grpc-echo" | "pgbench" | "pg_dump" | "postgrest-js" | "self";

export interface Contender<Name extends string = string> {
  name: Name;
  // Called before the first measurement of any contender.
  prepare(): Promise<void>;
  measure(timing: Timing): Promise<number>;
  // What a reader has to know of this side; empty if nothing.
  conditions(): string;
}

export interface Row {
  name: string;
  unit: string;
  better: "higher" | "lower";
  conditions: string;
  // How often each side is measured, where that is not as often as in other rows.
  repetitions?: number;
  ours: Contender;
  peers: Contender<PeerName>[];
}

// One line of report.json. `ratio` is above 1 where we are better, whatever the unit.
export interface ReportLine {
  name: string;
  ours: number;
  peer: PeerName;
  peer_value: number;
  ratio: number;
  unit: string;
  conditions: string;
}

export interface Range {
  least: number;
  most: number;
}

export interface Measured {
  line: ReportLine;
  oursRange: Range;
  peerRange: Range;
}

const rangeOf = (values: number[]): Range => ({ least: Math.min(...values), most: Math.max(...values) });

// Measures every contender once, then every contender again, so that what else the machine does meets all alike.
export async function measureRow(row: Row, repetitions: number, timing: Timing): Promise<Measured[]> {
  const contenders = [row.ours, ...row.peers];
  for (const contender of contenders) await contender.prepare();
  const values = new Map<Contender, number[]>(contenders.map((contender) => [contender, []]));
  for (let repetition = 0; repetition < (row.repetitions ?? repetitions); repetition++) {
    for (const contender of contenders) values.get(contender)!.push(await contender.measure(timing));
  }
  const oursValues = values.get(row.ours)!;
  const ours = median(oursValues);
  return row.peers.map((peer) => {
    const peerValues = values.get(peer)!;
    const peerValue = median(peerValues);
    const ratio = row.better === "higher" ? ours / peerValue : peerValue / ours;
    const conditions = [row.conditions, row.ours.conditions(), peer.conditions()]
      .filter((text) => text !== "")
      .join("; ");
    const { name, unit } = row;
    return {
      line: { name, ours, peer: peer.name, peer_value: peerValue, ratio, unit, conditions },
      oursRange: rangeOf(oursValues),
      peerRange: rangeOf(peerValues),
    };
  });
}
