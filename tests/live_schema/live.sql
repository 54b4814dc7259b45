-- The application's tables as they run: serial and uuid keys, UNIQUE constraints that upserts name, no foreign keys.
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
  company_id integer NOT NULL,
  name text,
  surname text,
  patronymic text,
  phone text,
  raw_phone varchar(32),
  email text,
  sex smallint,
  birth_date date,
  comment text,
  discount numeric(5, 2) NOT NULL DEFAULT 0,
  card varchar(64),
  balance numeric(12, 2) NOT NULL DEFAULT 0,
  total_spent numeric(12, 2) NOT NULL DEFAULT 0,
  average_check numeric(12, 2),
  visit_count integer NOT NULL DEFAULT 0,
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
  company_id integer NOT NULL,
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
  UNIQUE (yclients_id, company_id)
);

CREATE TABLE staff (
  id serial PRIMARY KEY,
  yclients_id integer NOT NULL,
  company_id integer NOT NULL,
  name text NOT NULL,
  specialization text,
  rating numeric(3, 2),
  service_ids integer[] NOT NULL DEFAULT '{}',
  declensions jsonb,
  is_active boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (yclients_id, company_id)
);

CREATE TABLE staff_schedules (
  id bigserial PRIMARY KEY,
  staff_id integer NOT NULL,
  company_id integer NOT NULL,
  date date NOT NULL,
  is_working boolean NOT NULL DEFAULT true,
  work_start time,
  work_end time,
  has_booking_slots boolean NOT NULL DEFAULT false,
  breaks jsonb NOT NULL DEFAULT '[]',
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (staff_id, date)
);

CREATE TABLE bookings (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  company_id integer NOT NULL,
  yclients_record_id bigint NOT NULL,
  client_id integer,
  staff_id integer,
  service_ids integer[] NOT NULL DEFAULT '{}',
  starts_at timestamptz NOT NULL,
  local_start timestamp,
  duration_minutes integer,
  status text NOT NULL DEFAULT 'pending',
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
  company_id integer NOT NULL,
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
  company_id integer NOT NULL,
  state text NOT NULL DEFAULT 'active',
  data jsonb NOT NULL DEFAULT '{}',
  messages jsonb NOT NULL DEFAULT '[]',
  message_count integer NOT NULL DEFAULT 0,
  last_activity timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE messages (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  company_id integer NOT NULL,
  phone text NOT NULL,
  direction text NOT NULL,
  body text,
  metadata jsonb,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX messages_phone_idx ON messages (company_id, phone, created_at);
