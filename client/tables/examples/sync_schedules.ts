// Working days into `staff_schedules`, whose staff are rows of `staff`: synchronise those first.
import { runAsProgram, type Sync, textOrNull } from "./sync.ts";

export const syncSchedules: Sync = async (layer, source, companyId) => {
  const days = await source.read("schedules", companyId);
  const staff = await layer.getStaff(companyId);
  const idOf = new Map(staff.map((one) => [one["yclients_id"], one["id"]]));
  // Days of somebody who is not among the staff any more belong to nobody.
  const known = days.filter((day) => idOf.has(day["staff_id"]));
  return layer.upsertStaffSchedules(
    known.map((day) => ({
      staff_id: idOf.get(day["staff_id"]),
      company_id: companyId,
      date: day["date"],
      is_working: day["working"] === true,
      work_start: textOrNull(day["from"]),
      work_end: textOrNull(day["to"]),
    })),
  );
};

await runAsProgram(import.meta.url, syncSchedules);
