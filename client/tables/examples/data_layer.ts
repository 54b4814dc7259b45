// The application's data in one place: every question that the rest of a program asks of its tables, on whichever database
// serves. A missing row is null; whatever else goes wrong is thrown, so that no caller has to look for it.
import { type Tables, TablesError } from "@authstate/tables";

/** A row as PostgREST writes it in JSON: dates and times as text, `numeric` as a number. */
export type Row = Record<string, unknown>;

/** `userId`: as `79990000000@c.us`. */
const digitsOf = (phone: string): string => phone.replace(/\D/g, "");

interface Answer<Data> {
  data: Data | null;
  error: { code: string; message: string; details?: string | null; hint?: string | null } | null;
}

export class DataLayer {
  constructor(private readonly tables: Tables) {}

  // --- dialog contexts

  getDialogContext(userId: string): Promise<Row | null> {
    return this.#one(
      "dialog_contexts",
      this.tables.from("dialog_contexts").select("*").eq("user_id", userId).maybeSingle(),
    );
  }

  async upsertDialogContext(context: Row & { user_id: string; company_id: number }): Promise<Row> {
    const upsert = this.tables.from("dialog_contexts").upsert(context, { onConflict: "user_id" });
    return this.#there("dialog_contexts", upsert.select("*").single());
  }

  // --- clients

  /** By the digits of a phone, however it is written. */
  getClientByPhone(phone: string, companyId: number): Promise<Row | null> {
    const clients = this.tables.from("clients").select("*").eq("company_id", companyId).eq("phone", digitsOf(phone));
    return this.#one("clients", clients.order("id").limit(1).maybeSingle());
  }

  getClientById(yclientsId: number, companyId: number): Promise<Row | null> {
    const clients = this.tables.from("clients").select("*").eq("yclients_id", yclientsId);
    return this.#one("clients", clients.eq("company_id", companyId).maybeSingle());
  }

  /** All of a company, however many there are. */
  getClients(companyId: number): Promise<Row[]> {
    return this.#all(
      "clients",
      this.tables.with({ pages: true }).from("clients").select("*").eq("company_id", companyId),
    );
  }

  async searchClientsByName(companyId: number, part: string, limit = 10): Promise<Row[]> {
    const pattern = `%${part.replace(/[\\%_]/g, "\\$&")}%`;
    const clients = this.tables.from("clients").select("*").eq("company_id", companyId).ilike("name", pattern);
    return this.#all("clients", clients.order("id").limit(limit));
  }

  // --- appointments

  /** Those of a client that are still to come, the next one first. */
  getUpcomingAppointments(clientId: number, companyId: number, now: Date): Promise<Row[]> {
    const bookings = this.tables.from("bookings").select("*").eq("company_id", companyId).eq("client_id", clientId);
    return this.#all(
      "bookings",
      bookings.gte("starts_at", now.toISOString()).neq("status", "cancelled").order("starts_at"),
    );
  }

  /** Those of a company from `from` on and before `to`. */
  getAppointments(companyId: number, from: Date, to: Date): Promise<Row[]> {
    const bookings = this.tables.from("bookings").select("*").eq("company_id", companyId);
    const between = bookings.gte("starts_at", from.toISOString()).lt("starts_at", to.toISOString());
    return this.#all("bookings", between.order("starts_at").order("yclients_record_id"));
  }

  createAppointment(
    booking: Row & { company_id: number; yclients_record_id: number; starts_at: string },
  ): Promise<Row> {
    const upsert = this.tables.from("bookings").upsert(booking, { onConflict: "company_id,yclients_record_id" });
    return this.#there("bookings", upsert.select("*").single());
  }

  /** Null where there is no such appointment. */
  cancelAppointment(recordId: number, companyId: number): Promise<Row | null> {
    const update = this.tables.from("bookings").update({ status: "cancelled" }).eq("company_id", companyId);
    return this.#one("bookings", update.eq("yclients_record_id", recordId).select("*").maybeSingle());
  }

  // --- staff, schedules, services, companies

  getStaff(companyId: number): Promise<Row[]> {
    const staff = this.tables.from("staff").select("*").eq("company_id", companyId).eq("is_active", true);
    return this.#all("staff", staff.order("id"));
  }

  getStaffById(id: number): Promise<Row | null> {
    return this.#one("staff", this.tables.from("staff").select("*").eq("id", id).maybeSingle());
  }

  /** The working days of `dates`, which are YYYY-MM-DD, both included. */
  getStaffSchedules(companyId: number, from: string, to: string): Promise<Row[]> {
    const days = this.tables.from("staff_schedules").select("*").eq("company_id", companyId).eq("is_working", true);
    return this.#all("staff_schedules", days.gte("date", from).lte("date", to).order("date").order("staff_id"));
  }

  getStaffSchedule(staffId: number, date: string): Promise<Row | null> {
    const days = this.tables.from("staff_schedules").select("*").eq("staff_id", staffId);
    return this.#one("staff_schedules", days.eq("date", date).maybeSingle());
  }

  getServices(companyId: number): Promise<Row[]> {
    const services = this.tables.from("services").select("*").eq("company_id", companyId).eq("is_active", true);
    return this.#all("services", services.order("weight", { ascending: false }).order("id"));
  }

  getServicesByCategory(companyId: number, category: string): Promise<Row[]> {
    const services = this.tables.from("services").select("*").eq("company_id", companyId).eq("is_active", true);
    return this.#all("services", services.eq("category_title", category).order("id"));
  }

  getCompany(companyId: number): Promise<Row | null> {
    return this.#one("companies", this.tables.from("companies").select("*").eq("company_id", companyId).maybeSingle());
  }

  // --- what comes from outside, in batches of 100

  upsertClients(rows: readonly Row[]): Promise<number> {
    return this.tables.upsert("clients", rows, { onConflict: "yclients_id,company_id" });
  }

  upsertServices(rows: readonly Row[]): Promise<number> {
    return this.tables.upsert("services", rows, { onConflict: "yclients_id,company_id" });
  }

  upsertStaff(rows: readonly Row[]): Promise<number> {
    return this.tables.upsert("staff", rows, { onConflict: "yclients_id,company_id" });
  }

  upsertStaffSchedules(rows: readonly Row[]): Promise<number> {
    return this.tables.upsert("staff_schedules", rows, { onConflict: "staff_id,date" });
  }

  upsertBookings(rows: readonly Row[]): Promise<number> {
    return this.tables.upsert("bookings", rows, { onConflict: "company_id,yclients_record_id" });
  }

  // --- health

  /** Whether the database answers, within 2 s; which one that is, and why not. */
  async healthCheck(): Promise<{ healthy: boolean; database?: string | undefined; reason?: string }> {
    try {
      const { database } = await this.tables.serving();
      const hasty = this.tables.with({ patienceMs: 2_000 });
      await this.#all("companies", hasty.from("companies").select("id").limit(1));
      return { healthy: true, database };
    } catch (error) {
      return { healthy: false, reason: (error as Error).message };
    }
  }

  async #one(table: string, answer: PromiseLike<Answer<Row>>): Promise<Row | null> {
    const { data, error } = await answer;
    if (error !== null) throw failed(table, error);
    return data;
  }

  async #there(table: string, answer: PromiseLike<Answer<Row>>): Promise<Row> {
    const row = await this.#one(table, answer);
    if (row === null) throw new TypeError(`${table}: no row came back`);
    return row;
  }

  async #all(table: string, answer: PromiseLike<Answer<Row[]>>): Promise<Row[]> {
    const { data, error } = await answer;
    if (error !== null) throw failed(table, error);
    return data ?? [];
  }
}

function failed(table: string, { code, message, hint }: NonNullable<Answer<unknown>["error"]>): TablesError {
  return new TablesError(`${table}: ${message}`, { code, table, hint: hint ?? undefined });
}
