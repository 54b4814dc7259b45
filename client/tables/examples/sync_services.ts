// Services of the booking system into `services`.
import { numberOrNull, runAsProgram, type Sync, textOrNull } from "./sync.ts";

export const syncServices: Sync = async (layer, source, companyId) => {
  const services = await source.read("services", companyId);
  return layer.upsertServices(
    services.map((service) => ({
      yclients_id: service["id"],
      company_id: companyId,
      title: textOrNull(service["title"]) ?? `#${service["id"]}`,
      category_title: textOrNull(service["category"]),
      price_min: numberOrNull(service["price_min"]),
      price_max: numberOrNull(service["price_max"]),
      duration: numberOrNull(service["seconds"]),
      is_active: service["active"] !== false,
    })),
  );
};

await runAsProgram(import.meta.url, syncServices);
