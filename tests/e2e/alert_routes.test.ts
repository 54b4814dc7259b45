// What deploy/monitoring/alertmanager.yml holds back while another alert explains it, as a real Alertmanager does: amtool tries
// routes alone (MonitoringTest.AlertsReachWhomTheyAreFor).
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { TestFolder } from "./processes.ts";
import { Alertmanager, type Labels } from "./prometheus.ts";

const POLL_MS = 50;

const alert = (name: string, labels: Labels = {}): Labels => ({
  alertname: `Authstate${name}`,
  job: "authstate",
  instance: "a",
  ...labels,
});
const failures = [alert("FailuresOver20Percent"), alert("FailuresOver5Percent")];
const queues = [alert("QueueFull"), alert("QueueSlow")];

// What fires at a time, what is held back then, and what is told.
const NIGHTS: { fires: Labels; held: Labels[]; told: Labels[] }[] = [
  {
    fires: alert("Down"),
    held: [...failures, ...queues, alert("DataLoss"), alert("DiskFull", { file: "one.db" })],
    told: [alert("QueueFull", { instance: "b" }), alert("BackupStale", { job: "node" })],
  },
  {
    fires: alert("DatabaseAway", { backend: "postgres" }),
    held: [...failures, ...queues],
    told: [alert("DataLoss"), alert("QueueFull", { instance: "b" }), alert("CommitsInDoubt")],
  },
  {
    fires: alert("CertificateExpires"),
    held: [alert("CertificateExpiresSoon")],
    told: [alert("CertificateExpiresSoon", { instance: "b" }), alert("CertificateRefused")],
  },
  {
    fires: alert("DiskFull", { file: "one.db" }),
    held: [alert("DiskFillsUp", { file: "one.db" })],
    told: [alert("DiskFillsUp", { file: "two.db" })],
  },
  {
    fires: failures[0]!,
    held: [failures[1]!],
    told: [alert("FailuresOver5Percent", { instance: "b" }), ...queues],
  },
];

describe("deploy/monitoring/alertmanager.yml", () => {
  for (const { fires, held, told } of NIGHTS) {
    describe(`while ${fires["alertname"]} fires`, () => {
      const folder = new TestFolder();
      let alertmanager: Alertmanager;
      before(async () => (alertmanager = await Alertmanager.start(folder)));
      after(async () => {
        await alertmanager.stop();
        folder.remove();
      });

      it("holds back what it explains, and nothing else", async () => {
        const sorted = (alerts: Labels[]): string[] =>
          alerts.map((labels) => JSON.stringify(Object.entries(labels).sort())).sort();
        const heldNow = async (): Promise<Labels[]> =>
          (await alertmanager.known()).filter((known) => known.held).map(({ labels }) => labels);
        await alertmanager.tell([fires, ...held, ...told]);
        while ((await heldNow()).length < held.length) await sleep(POLL_MS);
        assert.deepEqual(sorted(await heldNow()), sorted(held));
        assert.equal((await alertmanager.known()).length, 1 + held.length + told.length);
      });
    });
  }
});
