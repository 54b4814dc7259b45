-- The tables of the legacy layout as the programs that share them made them.
CREATE TABLE whatsapp_auth (
  company_id text PRIMARY KEY,
  creds jsonb NOT NULL,
  created_at timestamptz DEFAULT now(),
  updated_at timestamptz DEFAULT now()
);
CREATE TABLE whatsapp_keys (
  company_id text NOT NULL,
  key_type text NOT NULL,
  key_id text NOT NULL,
  value jsonb NOT NULL,
  created_at timestamptz DEFAULT now(),
  updated_at timestamptz DEFAULT now(),
  expires_at timestamptz,
  PRIMARY KEY (company_id, key_type, key_id)
);
CREATE INDEX whatsapp_keys_company_idx ON whatsapp_keys (company_id);
CREATE INDEX whatsapp_keys_type_idx ON whatsapp_keys (key_type);
CREATE INDEX whatsapp_keys_company_type_idx ON whatsapp_keys (company_id, key_type);
CREATE INDEX whatsapp_keys_expires_idx ON whatsapp_keys (expires_at) WHERE expires_at IS NOT NULL;
