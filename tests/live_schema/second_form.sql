-- The second form of the application's tables: the columns of live.sql with foreign keys, CHECKs and `messages` partitioned by
-- month, and two tables more.
CREATE TABLE companies (
  id serial PRIMARY KEY,
  company_id integer NOT NULL UNIQUE,
  title text NOT NULL,
  phone text,
  timezone text NOT NULL DEFAULT 'Europe/Moscow',
  working_hours jsonb,
  settings jsonb NOT NULL DEFAULT '{}',
  is_active boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE clients (
  id serial PRIMARY KEY,
  yclients_id integer NOT NULL,
  company_id integer NOT NULL REFERENCES companies (company_id) ON DELETE CASCADE,
  name text,
  surname text,
  patronymic text,
  phone text,
  raw_phone varchar(32),
  email text,
  sex smallint CHECK (sex BETWEEN 0 AND 2),
  birth_date date,
  comment text,
  discount numeric(5, 2) NOT NULL DEFAULT 0 CHECK (discount BETWEEN 0 AND 100),
  card varchar(64),
  balance numeric(12, 2) NOT NULL DEFAULT 0,
  total_spent numeric(12, 2) NOT NULL DEFAULT 0,
  average_check numeric(12, 2),
  visit_count integer NOT NULL DEFAULT 0 CHECK (visit_count >= 0),
  cancelled_count integer NOT NULL DEFAULT 0,
  no_show_count integer NOT NULL DEFAULT 0,
  first_visit_date timestamp,
  last_visit_date timestamp,
  next_visit_at timestamptz,
  last_service_ids integer[] NOT NULL DEFAULT '{}',
  favorite_staff_ids integer[],
  last_services text[] NOT NULL DEFAULT '{}',
  tags text[],
  preferences jsonb NOT NULL DEFAULT '{}',
  visit_history jsonb NOT NULL DEFAULT '[]',
  custom_fields jsonb,
  loyalty_level text,
  source text,
  language varchar(8) NOT NULL DEFAULT 'ru',
  is_vip boolean NOT NULL DEFAULT false,
  is_blocked boolean NOT NULL DEFAULT false,
  marketing_consent boolean,
  last_sync_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (yclients_id, company_id)
);
CREATE INDEX clients_phone_idx ON clients (company_id, phone);

CREATE TABLE services (
  id serial PRIMARY KEY,
  yclients_id integer NOT NULL,
  company_id integer NOT NULL REFERENCES companies (company_id) ON DELETE CASCADE,
  title text NOT NULL,
  category_title text,
  price_min numeric(12, 2),
  price_max numeric(12, 2),
  duration integer,
  weight double precision,
  staff_ids integer[] NOT NULL DEFAULT '{}',
  declensions jsonb,
  is_active boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (yclients_id, company_id),
  CHECK (price_max IS NULL OR price_min IS NULL OR price_max >= price_min)
);

CREATE TABLE staff (
  id serial PRIMARY KEY,
  yclients_id integer NOT NULL,
  company_id integer NOT NULL REFERENCES companies (company_id) ON DELETE CASCADE,
  name text NOT NULL,
  specialization text,
  rating numeric(3, 2) CHECK (rating BETWEEN 0 AND 5),
  service_ids integer[] NOT NULL DEFAULT '{}',
  declensions jsonb,
  is_active boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (yclients_id, company_id)
);

CREATE TABLE staff_schedules (
  id bigserial PRIMARY KEY,
  staff_id integer NOT NULL REFERENCES staff (id) ON DELETE CASCADE,
  company_id integer NOT NULL REFERENCES companies (company_id) ON DELETE CASCADE,
  date date NOT NULL,
  is_working boolean NOT NULL DEFAULT true,
  work_start time,
  work_end time,
  has_booking_slots boolean NOT NULL DEFAULT false,
  breaks jsonb NOT NULL DEFAULT '[]',
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (staff_id, date),
  CHECK (work_end IS NULL OR work_start IS NULL OR work_end > work_start)
);

CREATE TABLE bookings (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  company_id integer NOT NULL REFERENCES companies (company_id) ON DELETE CASCADE,
  yclients_record_id bigint NOT NULL,
  client_id integer REFERENCES clients (id) ON DELETE RESTRICT,
  staff_id integer REFERENCES staff (id) ON DELETE RESTRICT,
  service_ids integer[] NOT NULL DEFAULT '{}',
  starts_at timestamptz NOT NULL,
  local_start timestamp,
  duration_minutes integer CHECK (duration_minutes > 0),
  status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'confirmed', 'completed', 'cancelled')),
  cost numeric(12, 2),
  comment text,
  details jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (company_id, yclients_record_id)
);
CREATE INDEX bookings_start_idx ON bookings (company_id, starts_at);

CREATE TABLE appointments_cache (
  id serial PRIMARY KEY,
  company_id integer NOT NULL REFERENCES companies (company_id) ON DELETE CASCADE,
  yclients_record_id bigint NOT NULL,
  client_phone text,
  appointment_at timestamptz NOT NULL,
  payload jsonb NOT NULL DEFAULT '{}',
  is_cancelled boolean NOT NULL DEFAULT false,
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (company_id, yclients_record_id)
);

CREATE TABLE dialog_contexts (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id text NOT NULL UNIQUE,
  company_id integer NOT NULL REFERENCES companies (company_id) ON DELETE CASCADE,
  state text NOT NULL DEFAULT 'active',
  data jsonb NOT NULL DEFAULT '{}',
  messages jsonb NOT NULL DEFAULT '[]',
  message_count integer NOT NULL DEFAULT 0,
  last_activity timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE messages (
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  company_id integer NOT NULL REFERENCES companies (company_id) ON DELETE CASCADE,
  phone text NOT NULL,
  direction text NOT NULL CHECK (direction IN ('in', 'out')),
  body text,
  metadata jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (id, created_at)
) PARTITION BY RANGE (created_at);
CREATE TABLE messages_2025_10 PARTITION OF messages
  FOR VALUES FROM ('2025-10-01 00:00:00+00') TO ('2025-11-01 00:00:00+00');
CREATE TABLE messages_2025_11 PARTITION OF messages
  FOR VALUES FROM ('2025-11-01 00:00:00+00') TO ('2025-12-01 00:00:00+00');
CREATE TABLE messages_2025_12 PARTITION OF messages
  FOR VALUES FROM ('2025-12-01 00:00:00+00') TO ('2026-01-01 00:00:00+00');
CREATE TABLE messages_later PARTITION OF messages DEFAULT;
CREATE INDEX messages_phone_idx ON messages (company_id, phone, created_at);

CREATE TABLE reminders (
  id bigserial PRIMARY KEY,
  booking_id uuid NOT NULL REFERENCES bookings (id) ON DELETE CASCADE,
  kind text NOT NULL CHECK (kind IN ('day_before', 'hours_before')),
  due_at timestamptz NOT NULL,
  sent_at timestamptz,
  UNIQUE (booking_id, kind)
);

CREATE TABLE sync_status (
  company_id integer NOT NULL REFERENCES companies (company_id) ON DELETE CASCADE,
  table_name text NOT NULL,
  synced_at timestamptz,
  row_count integer NOT NULL DEFAULT 0,
  last_error text,
  PRIMARY KEY (company_id, table_name)
);
