// Records of the booking system into `bookings`, whose clients and staff are rows: synchronise those first.
import { numberOrNull, runAsProgram, type Sync, textOrNull } from "./sync.ts";

const STATUSES: Record<string, string> = { "-1": "cancelled", "0": "pending", "1": "completed", "2": "confirmed" };

export const syncBookings: Sync = async (layer, source, companyId) => {
  const records = await source.read("bookings", companyId);
  const [clients, staff] = await Promise.all([layer.getClients(companyId), layer.getStaff(companyId)]);
  const clientOf = new Map(clients.map((client) => [client["yclients_id"], client["id"]]));
  const staffOf = new Map(staff.map((one) => [one["yclients_id"], one["id"]]));
  return layer.upsertBookings(
    records.map((record) => ({
      company_id: companyId,
      yclients_record_id: record["id"],
      client_id: clientOf.get(record["client_id"]) ?? null,
      staff_id: staffOf.get(record["staff_id"]) ?? null,
      starts_at: record["starts_at"],
      duration_minutes: numberOrNull(record["minutes"]),
      status: STATUSES[String(record["attendance"])] ?? "pending",
      cost: numberOrNull(record["cost"]),
      comment: textOrNull(record["comment"]),
    })),
  );
};

await runAsProgram(import.meta.url, syncBookings);
