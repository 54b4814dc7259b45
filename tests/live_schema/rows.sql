-- As many rows as the live system has, times live_schema.scale, with values that every type of the tables can go wrong by:
-- empty and NULL arrays, elements with quotes, commas and braces, jsonb null, numbers with trailing zeros, text in Cyrillic.
-- Nothing here depends on a clock or on chance. What refers to something refers to a row that is there.
INSERT INTO companies (company_id, title, phone, working_hours, settings, created_at, updated_at)
VALUES (962302, 'Малина', '79990000000', '{"mon": ["09:00", "21:00"], "sun": null}', '{"reminders": true}',
  '2025-07-01 06:00:00+00', '2025-07-01 06:00:00+00');

INSERT INTO clients (yclients_id, company_id, name, surname, patronymic, phone, raw_phone, email, sex, birth_date, comment,
  discount, card, balance, total_spent, average_check, visit_count, cancelled_count, no_show_count, first_visit_date,
  last_visit_date, next_visit_at, last_service_ids, favorite_staff_ids, last_services, tags, preferences, visit_history,
  custom_fields, loyalty_level, source, language, is_vip, is_blocked, marketing_consent, last_sync_at, created_at, updated_at)
SELECT 100000 + i, 962302,
  CASE i % 5 WHEN 0 THEN NULL WHEN 1 THEN 'Анна' WHEN 2 THEN 'O''Brien' WHEN 3 THEN 'Ирина "Ира"' ELSE 'Client, ' || i END,
  CASE WHEN i % 4 = 0 THEN '' ELSE 'Фамилия ' || i % 100 END,
  NULL, '7999' || lpad((i % 10000000)::text, 7, '0'), '+7 (999) ' || lpad((i % 10000000)::text, 7, '0'),
  CASE WHEN i % 3 = 0 THEN 'client' || i || '@example.com' END,
  i % 3, CASE WHEN i % 7 <> 0 THEN date '1970-01-01' + (i % 12000) END,
  CASE i % 6 WHEN 0 THEN E'two\nlines\t\\ and a backslash' WHEN 1 THEN 'a,b;{c}"d"' END,
  (i % 30) + 0.50, NULL, (i % 700) * 10.10, (i % 900) * 100 + 0.10, CASE WHEN i % 9 <> 0 THEN (i % 40) * 12.30 END,
  i % 50, i % 4, i % 2,
  timestamp '2024-01-01 10:00:00' + (i % 500) * interval '1 day',
  CASE WHEN i % 8 <> 0 THEN timestamp '2025-03-30 02:30:00' + (i % 200) * interval '1 hour 1 second' END,
  CASE WHEN i % 10 = 0 THEN timestamptz '2025-12-01 00:00:00.123456+00' + i % 30 * interval '1 day' END,
  CASE WHEN i % 3 = 0 THEN '{}'::integer[] ELSE ARRAY[i % 63, (i + 1) % 63] END,
  CASE WHEN i % 3 = 1 THEN NULL WHEN i % 3 = 2 THEN '{}'::integer[] ELSE ARRAY[i % 12, NULL] END,
  CASE i % 4 WHEN 0 THEN '{}'::text[] WHEN 1 THEN ARRAY['Стрижка'] ELSE ARRAY['a,b', '{c}', 'say "d"', '', 'NULL', E'\\'] END,
  CASE WHEN i % 2 = 0 THEN ARRAY['vip', NULL] END,
  CASE i % 4 WHEN 0 THEN '{}'::jsonb WHEN 1 THEN jsonb_build_object('time', 'утро', 'n', i, 'deep', '{"a": [1, null]}'::jsonb)
    WHEN 2 THEN 'null'::jsonb ELSE '[1, "two", {"three": 3.0}]'::jsonb END,
  CASE WHEN i % 5 = 0 THEN '[]'::jsonb ELSE jsonb_build_array(jsonb_build_object('at', '2025-01-01', 'cost', i % 1000 + 0.5)) END,
  CASE WHEN i % 6 = 0 THEN '"text"'::jsonb END,
  CASE i % 3 WHEN 0 THEN 'gold' WHEN 1 THEN 'silver' END, 'yclients', 'ru', i % 50 = 0, false,
  CASE i % 3 WHEN 0 THEN true WHEN 1 THEN false END, timestamptz '2025-11-01 00:00:00+00',
  timestamptz '2025-07-01 00:00:00+00' + i % 100000 * interval '1 second', timestamptz '2025-10-01 00:00:00+00'
FROM generate_series(1, 1299 * coalesce(nullif(current_setting('live_schema.scale', true), '')::integer, 1)) AS i;

INSERT INTO services (yclients_id, company_id, title, category_title, price_min, price_max, duration, weight, staff_ids,
  declensions, is_active, created_at, updated_at)
SELECT 200000 + i, 962302, 'Услуга ' || i, CASE WHEN i % 4 <> 0 THEN 'Категория ' || i % 6 END, (i % 20) * 100 + 0.90,
  CASE WHEN i % 3 <> 0 THEN (i % 20) * 100 + 500 END, i % 8 * 900 + 900, i / 7.0, ARRAY[i % 12 + 1],
  jsonb_build_object('acc', 'услугу ' || i), i % 9 <> 0, '2025-07-01 00:00:00+00', '2025-10-01 00:00:00+00'
FROM generate_series(1, 63 * coalesce(nullif(current_setting('live_schema.scale', true), '')::integer, 1)) AS i;

INSERT INTO staff (yclients_id, company_id, name, specialization, rating, service_ids, is_active, created_at, updated_at)
SELECT 300000 + i, 962302, 'Мастер ' || i, CASE WHEN i % 2 = 0 THEN 'Барбер' END, (i % 50) / 10.0, ARRAY[i % 63 + 1], true,
  '2025-07-01 00:00:00+00', '2025-10-01 00:00:00+00'
FROM generate_series(1, 12 * coalesce(nullif(current_setting('live_schema.scale', true), '')::integer, 1)) AS i;

-- Twelve of the staff share the days.
INSERT INTO staff_schedules (staff_id, company_id, date, is_working, work_start, work_end, has_booking_slots, breaks, updated_at)
SELECT i % 12 + 1, 962302, date '2025-11-03' + i / 12, i % 6 <> 0, CASE WHEN i % 6 <> 0 THEN time '09:30:00' END,
  CASE WHEN i % 6 <> 0 THEN time '21:00:00.5' END, i % 2 = 0, '[]', '2025-11-01 00:00:00+00'
FROM generate_series(1, 56 * coalesce(nullif(current_setting('live_schema.scale', true), '')::integer, 1)) AS i;

INSERT INTO bookings (id, company_id, yclients_record_id, client_id, staff_id, service_ids, starts_at, local_start,
  duration_minutes, status, cost, comment, details, created_at, updated_at)
SELECT md5('booking ' || i)::uuid, 962302, 9007199254740990 + i, i % 1299 + 1, i % 12 + 1, ARRAY[i % 63 + 1],
  timestamptz '2025-11-05 07:00:00+00' + i % 5000 * interval '1 hour', timestamp '2025-11-05 10:00:00' + i % 5000 * interval '1 hour',
  60, (ARRAY['pending', 'confirmed', 'completed', 'cancelled'])[i % 4 + 1], i % 40 * 50.50, NULL,
  CASE WHEN i % 2 = 0 THEN '{"from": "whatsapp"}'::jsonb END, '2025-11-01 00:00:00+00', '2025-11-01 00:00:00+00'
FROM generate_series(1, 38 * coalesce(nullif(current_setting('live_schema.scale', true), '')::integer, 1)) AS i;

INSERT INTO dialog_contexts (id, user_id, company_id, state, data, messages, message_count, last_activity, created_at, updated_at)
SELECT md5('dialog ' || i)::uuid, '7999' || lpad(i::text, 7, '0') || '@c.us', 962302,
  (ARRAY['active', 'booking', 'closed'])[i % 3 + 1], jsonb_build_object('step', i, 'name', 'Имя "' || i || '"'),
  jsonb_build_array('привет', i), i, timestamptz '2025-11-05 12:00:00+00', '2025-11-01 00:00:00+00', '2025-11-05 12:00:00+00'
FROM generate_series(1, 21 * coalesce(nullif(current_setting('live_schema.scale', true), '')::integer, 1)) AS i;
