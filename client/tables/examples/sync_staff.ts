// The staff of the booking system into `staff`. Who is dismissed stays, and is not active.
import { numberOrNull, runAsProgram, type Sync, textOrNull } from "./sync.ts";

export const syncStaff: Sync = async (layer, source, companyId) => {
  const staff = await source.read("staff", companyId);
  return layer.upsertStaff(
    staff.map((one) => ({
      yclients_id: one["id"],
      company_id: companyId,
      name: textOrNull(one["name"]) ?? `#${one["id"]}`,
      specialization: textOrNull(one["specialization"]),
      rating: numberOrNull(one["rating"]),
      is_active: one["fired"] !== true,
    })),
  );
};

await runAsProgram(import.meta.url, syncStaff);
