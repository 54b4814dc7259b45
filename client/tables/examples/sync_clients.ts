// Clients of the booking system into `clients`.
import { numberOrNull, runAsProgram, type Sync, textOrNull } from "./sync.ts";

export const syncClients: Sync = async (layer, source, companyId) => {
  const clients = await source.read("clients", companyId);
  return layer.upsertClients(
    clients.map((client) => ({
      yclients_id: client["id"],
      company_id: companyId,
      name: textOrNull(client["name"]),
      phone: textOrNull(client["phone"])?.replace(/\D/g, "") ?? null,
      raw_phone: textOrNull(client["phone"]),
      email: textOrNull(client["email"]),
      discount: numberOrNull(client["discount"]) ?? 0,
      total_spent: numberOrNull(client["spent"]) ?? 0,
      visit_count: numberOrNull(client["visits"]) ?? 0,
      last_services: Array.isArray(client["services"]) ? client["services"].map(String) : [],
      last_sync_at: client["synced_at"] ?? null,
    })),
  );
};

await runAsProgram(import.meta.url, syncClients);
