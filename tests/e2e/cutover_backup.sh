#!/bin/sh
# The backup of the application's tables in the evening's rehearsal: cutover_backup.sh save|check
set -eu
case $1 in
  save) pg_dump --format=custom --file="$CUTOVER_TABLES_DUMP" "$SUPABASE_URL" ;;
  check) pg_restore --list "$CUTOVER_TABLES_DUMP" | grep -q 'TABLE DATA public clients ' ;;
esac
