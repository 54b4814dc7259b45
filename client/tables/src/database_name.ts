export const DATABASES = ["supabase", "timeweb"] as const;

/** The profiles under which authstated knows the two databases. */
export type DatabaseName = (typeof DATABASES)[number];

export const isDatabaseName = (name: string): name is DatabaseName => (DATABASES as readonly string[]).includes(name);
