#!/usr/bin/env bash
# Inside a bare Debian that systemd has booted: deploy/cutover/services.sh with eight services, as on the evening of a move.
# services_inside.sh move; and once it was booted again, services_inside.sh booted.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
first=messages
rest=(clients services staff staff_schedules bookings appointments_cache dialog_contexts)
all=("$first" "${rest[@]}")

checked() {
  echo "ok  $*"
}

services() {
  sh services.sh systemd "$@"
}

# refuses REASON COMMAND...: it fails, and says why.
refuses() {
  if services "${@:2}" 2>refusal; then return 1; fi
  grep -qxF "services.sh: $1" refusal
}

have_run_on_supabase() {
  local name
  for name in "${all[@]}"; do
    printf '[Service]\nEnvironment=USE_LEGACY_SUPABASE=true\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n' \
      >"/etc/systemd/system/$name.service"
  done
  systemctl daemon-reload
  systemctl enable --quiet --now "${all[@]}"
  services check supabase "${all[@]}"
}

go_to_timeweb() {
  refuses "$first runs" check stopped "${all[@]}"
  services stop "${all[@]}"
  services check stopped "${all[@]}"
  refuses "$first is stopped" check timeweb "${all[@]}"
  services start timeweb "$first"
  services check timeweb "$first"
  services check stopped "${rest[@]}"
  services start timeweb "${rest[@]}"
  services check timeweb "${all[@]}"
  refuses "$first does not run on supabase" check supabase "${all[@]}"
  checked 'eight services: stopped, and started on the other database, one before the others'
}

and_back() {
  services stop "${all[@]}"
  services start supabase "${all[@]}"
  services check supabase "${all[@]}"
  services start timeweb "${all[@]}"
  services check timeweb "${all[@]}"
  checked 'and back, and there again'
}

# A file of the environment is stronger than what a unit, or what is beside it, says.
name_the_one_that_stays() {
  echo USE_LEGACY_SUPABASE=true >/etc/bookings.env
  printf '[Service]\nEnvironmentFile=/etc/bookings.env\n' >/etc/systemd/system/bookings.service.d/own.conf
  services start timeweb "${all[@]}"
  refuses 'bookings does not run on timeweb' check timeweb "${all[@]}"
  rm /etc/systemd/system/bookings.service.d/own.conf
  # Nor does it run there because a file says so.
  systemctl daemon-reload
  refuses 'bookings does not run on timeweb' check timeweb "${all[@]}"
  services start timeweb bookings
  services check timeweb "${all[@]}"
  checked 'one of eight that stays on the old database is named, whatever its files say'
}

name_what_is_not_there() {
  systemctl kill --signal=KILL staff
  until [[ $(systemctl show --property=MainPID --value staff) == 0 ]]; do sleep 0.05; done
  refuses 'staff is stopped' check timeweb "${all[@]}"
  services start timeweb staff
  refuses 'systemd knows no reminders' check stopped reminders
  services check timeweb "${all[@]}"
  checked 'one that has ended, and one that there is not, are named'
}

stay_after_a_boot() {
  services check timeweb "${all[@]}"
  checked 'booted again: all eight run on the other database'
}

trap 'echo "FAILED at: ${BASH_COMMAND}" >&2; cat refusal >&2 || true' ERR
set -E
if [[ $1 == booted ]]; then
  stay_after_a_boot
else
  have_run_on_supabase
  go_to_timeweb
  and_back
  name_the_one_that_stays
  name_what_is_not_there
fi
