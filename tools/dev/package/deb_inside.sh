#!/usr/bin/env bash
# Inside a bare Debian that systemd has booted, without a network: what somebody does who installs, upgrades, removes and
# purges the package, and what has to hold after each. The dependencies are in apt's cache.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
earlier=$(echo "$PWD"/authstate_*-1+*.deb)
package=$(echo "$PWD"/authstate_*-2+*.deb)
store=/var/lib/authstate
backups=/var/lib/authstate-backup backup_keyring=/etc/authstate/backup.keyring
export DEBIAN_FRONTEND=noninteractive

checked() {
  echo "ok  $*"
}

apt() {
  apt-get --yes --no-install-recommends -o Dpkg::Use-Pty=0 "$@" >apt.log 2>&1 || {
    cat apt.log >&2
    return 1
  }
}

until_true() {
  until "$@" >/dev/null 2>&1; do sleep 0.05; done
}

serves() {
  [[ $(authstatectl --timeout 5s server health) == serving ]]
}

main_pid() {
  systemctl show --property=MainPID --value authstated
}

# has KEY: of the session that is stored at first.
has() {
  [[ $(authstatectl keys get kept pre-key "$1" --json) == *"it is $1"* ]]
}

put() {
  authstatectl keys set kept pre-key "$1" "{\"text\":\"it is $1\"}"
}

is_running_well() {
  systemctl is-active --quiet authstated
  serves
  [[ $(stat --format=%U "/proc/$(main_pid)") == authstate ]]
  [[ $(stat --format='%a %U' $store) == '700 authstate' ]]
  [[ $(systemctl show --property=StatusText --value authstated) == 'serving on 127.0.0.1:50051' ]]
}

# As on a machine that never had the package.
begin_anew() {
  apt purge authstate
  rm -rf $store $backups /var/lib/private/authstate-backup /etc/authstate
  userdel authstate
}

installs() {
  local timer
  apt install "$package"
  systemctl is-enabled --quiet authstated
  is_running_well
  [[ $(getent passwd authstate) == *:/usr/sbin/nologin ]]
  [[ $(stat --format='%a %U' /etc/authstate/authstated.toml) == '644 root' ]]
  [[ $(stat --format='%a %U' /etc/authstate/authstated.env) == '600 root' ]]
  [[ -z $(dpkg --verify authstate) ]]
  [[ -s /usr/share/man/man8/authstated.8.gz && -s /usr/share/man/man1/authstatectl.1.gz ]]
  bash -c 'source /usr/share/bash-completion/completions/authstatectl && complete -p authstatectl' >/dev/null
  grep -q '^#compdef authstatectl' /usr/share/zsh/vendor-completions/_authstatectl
  for timer in authstate-backup.timer authstate-decommission.timer; do
    [[ $(systemctl is-enabled $timer || true) == disabled && $(systemctl is-active $timer || true) == inactive ]]
    systemd-analyze verify --man=no $timer
  done
  [[ -s /usr/share/authstate/monitoring/authstate.rules.yml && -s /usr/share/authstate/monitoring/alertmanager.yml ]]
  [[ -s /usr/share/authstate/monitoring/dashboards/authstate-servers.json ]]
  [[ -s /usr/share/doc/authstate/deploy/monitoring/README.md ]]
  put 1
  checked "installed: $(systemctl show --property=Description --value authstated), as $(id authstate)"
}

is_confined() {
  local score
  score=$(systemd-analyze security --no-pager --threshold=12 authstated | tail -n 1)
  checked "confined:${score#*authstated.service}"
}

backup_has_ended() {
  [[ $(systemctl show --property=InactiveEnterTimestampMonotonic --value authstate-backup) != 0 ||
    $(systemctl show --property=SubState --value authstate-backup) == auto-restart ]]
}

# The timer of the package, at an hour that is now.
saves_by_its_timer() {
  local soon=/run/systemd/system/authstate-backup.timer.d
  authstatectl keyring init $backup_keyring 2026 >/dev/null
  mkdir -p $soon
  printf '[Timer]\nOnCalendar=\nOnActiveSec=0\nAccuracySec=1ms\nRandomizedDelaySec=0\n' >$soon/soon.conf
  systemctl daemon-reload
  systemctl start authstate-backup.timer
  until_true backup_has_ended
  [[ $(systemctl show --property=Result --value authstate-backup) == success ]]
  authstatectl backup verify $backups --live --keyring-file $backup_keyring >/dev/null
  rm -r $soon
  systemctl daemon-reload
  systemctl enable --quiet authstate-backup.timer
  systemctl restart authstate-backup.timer
  apt install --reinstall "$package"
  systemctl is-enabled --quiet authstate-backup.timer
  [[ -n $(systemctl show --property=NextElapseUSecRealtime --value authstate-backup.timer) ]]
  is_running_well
  checked 'backup: saved when its timer elapsed, equal to the store; a timer that is enabled stays so'
}

# Writes without end; each line of acknowledged is a key that the server has told to be stored.
write_on() {
  local id
  for ((id = 1; ; id++)); do
    authstatectl keys set written pre-key "$id" "{\"id\":$id}" >/dev/null && echo "$id" >>acknowledged
  done
}

acknowledged() {
  [[ $(wc -l <acknowledged) -ge $1 ]]
}

upgrades_under_a_writer() {
  local writer before written version
  begin_anew
  apt install "$earlier"
  version=$(dpkg-query --show --showformat='${Version}' authstate)
  is_running_well
  put 1
  sed -i 's/^log-level = .*/log-level = "warn" # of the administrator/' /etc/authstate/authstated.toml
  : >acknowledged
  write_on &
  writer=$!
  until_true acknowledged 50
  before=$(main_pid)
  # The file that the administrator has changed may be another one in the newer package.
  apt install -o Dpkg::Options::=--force-confold "$package"
  is_running_well
  [[ $(main_pid) != "$before" && $(dpkg-query --show --showformat='${Version}' authstate) == *-2+* ]]
  until_true acknowledged $(($(wc -l <acknowledged) + 50))
  kill "$writer"
  wait "$writer" || true
  # One that was under way may be stored without having been acknowledged.
  authstatectl keys list written --json | grep -oE '"id": *"[0-9]+"' | grep -oE '[0-9]+' | sort -n >stored
  written=$(wc -l <acknowledged)
  [[ -z $(comm -13 <(sort stored) <(sort acknowledged)) && $(wc -l <stored) -le $((written + 1)) ]]
  has 1
  grep -q 'of the administrator' /etc/authstate/authstated.toml
  [[ $(cat /etc/authstate/store.env) == AUTHSTATE_NO_CREATE=true ]]
  checked "upgraded from $version under a writer: all of $written acknowledged writes are there, and so is the configuration"
}

is_restarted_when_stuck() {
  local before
  mkdir -p /run/systemd/system/authstated.service.d
  printf '[Service]\nWatchdogSec=2s\nTimeoutAbortSec=1s\nRestartSec=100ms\n' >/run/systemd/system/authstated.service.d/soon.conf
  systemctl daemon-reload
  systemctl restart authstated
  before=$(main_pid)
  kill -STOP "$before"
  until_true eval "serves && [[ \$(main_pid) != $before ]]"
  [[ $(systemctl show --property=NRestarts --value authstated) == 1 ]]
  has 1
  rm -r /run/systemd/system/authstated.service.d
  systemctl daemon-reload
  systemctl restart authstated
  checked 'stuck: ended by the watchdog, and started again'
}

keeps_its_store_when_removed() {
  apt remove authstate
  [[ $(systemctl is-active authstated || true) == inactive && ! -e /usr/bin/authstated ]]
  [[ $(systemctl is-active authstate-backup.timer || true) == inactive && -n $(ls $backups) ]]
  [[ -s $store/authstate.db && -e /etc/authstate/authstated.toml ]]
  apt install "$package"
  is_running_well
  has 1
  checked 'removed: the store and the configuration stay, and are served when it is installed again'
}

keeps_its_store_when_purged() {
  apt purge authstate
  grep -q "the sessions in $store stay" apt.log
  grep -q "the backups in $backups stay" apt.log
  [[ -n $(ls $backups) && $(ls /etc/authstate) == "$(basename $backup_keyring)" ]]
  [[ -s $store/authstate.db && $(stat --format=%U $store) == authstate ]]
  apt install "$package"
  is_running_well
  has 1
  grep -q '^log-level = "info"' /etc/authstate/authstated.toml
  checked 'purged: the configuration is gone, the store stays, is told of, and is served when it is installed again'
}

# A store that is gone, as with a disk that was not mounted, is not begun anew.
misses_a_store_that_is_gone() {
  systemctl restart authstated
  is_running_well
  systemctl stop authstated
  mv $store/authstate.db $store/away.db
  systemctl start authstated && return 1
  [[ $(systemctl show --property=ExecMainStatus --value authstated) == 4 && ! -e $store/authstate.db ]]
  mv $store/away.db $store/authstate.db
  systemctl restart authstated
  is_running_well
  has 1
  checked 'store gone: not begun anew, and served when it is back'
}

# As deploy/README.md has it for those who build it themselves; the package then takes their store over.
follows_one_installed_by_hand() {
  begin_anew
  dpkg-deb --extract "$package" by-hand
  install -m 755 by-hand/usr/bin/* /usr/local/bin/
  hash -r
  install -m 644 authstated.service /etc/systemd/system/
  install -D -m 644 authstated.toml /etc/authstate/authstated.toml
  systemctl daemon-reload
  systemctl enable --quiet --now authstated
  serves
  put 2
  [[ -L $store ]]
  systemctl disable --quiet --now authstated
  rm /etc/systemd/system/authstated.service /usr/local/bin/authstated /usr/local/bin/authstatectl
  systemctl daemon-reload
  hash -r
  apt install -o Dpkg::Options::=--force-confold "$package"
  is_running_well
  has 2
  [[ ! -L $store && -z $(find $store ! -user authstate) ]]
  checked 'installed by hand before: the package serves that store'
}

# What has no place in a file of the service's user: the keyring, encrypted for this machine, and the key of TLS of the
# server; the keyring and the token of the nightly backup. All are files of root alone that systemd hands over.
takes_credentials() {
  local secrets=/root/secrets tls=/etc/authstate/tls.pem
  local unit=/etc/systemd/system/authstated.service.d backup=/etc/systemd/system/authstate-backup.service.d
  install -d -m 700 $secrets
  mkdir $unit $backup
  authstatectl keyring init keyring 2026 >/dev/null
  systemd-creds encrypt --name=authstate.keyring keyring $secrets/authstate.keyring
  rm keyring
  authstatectl keyring init $backup_keyring 2026 >/dev/null
  authstatectl token create --quiet --label backup --read --all-sessions >$secrets/backup.token
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=authstate \
    -addext subjectAltName=IP:127.0.0.1 -keyout $secrets/tls.key -out $tls 2>/dev/null
  chmod 600 $secrets/*
  cat >$unit/secrets.conf <<UNIT
[Service]
LoadCredentialEncrypted=authstate.keyring:$secrets/authstate.keyring
LoadCredential=tls.key:$secrets/tls.key
Environment=AUTHSTATE_TLS_CERTIFICATE=$tls AUTHSTATE_TLS_KEY=%d/tls.key
UNIT
  cat >$backup/secrets.conf <<UNIT
[Service]
LoadCredential=token:$secrets/backup.token
Environment=AUTHSTATE_TOKEN_FILE=%d/token AUTHSTATE_CA=$tls
UNIT
  systemctl daemon-reload
  systemctl restart authstated
  export AUTHSTATE_CA=$tls AUTHSTATE_TOKEN_FILE=$secrets/backup.token
  is_running_well
  has 2
  systemctl start authstate-backup
  authstatectl backup verify $backups --live --keyring-file $backup_keyring >/dev/null
  # The store is known to be encrypted, so nothing but that keyring opens it.
  rm $unit/secrets.conf
  systemctl daemon-reload
  systemctl restart authstated && return 1
  [[ $(systemctl show --property=ExecMainStatus --value authstated) == 10 ]]
  systemctl stop authstated
  checked 'credentials: the keyring, the key of TLS, the keyring and the token of backups came from files of root alone'
}

trap 'echo "FAILED at: ${BASH_COMMAND}" >&2; journalctl --no-pager --lines=30 --unit=authstated >&2 || true' ERR
set -E
installs
is_confined
saves_by_its_timer
is_restarted_when_stuck
misses_a_store_that_is_gone
keeps_its_store_when_removed
keeps_its_store_when_purged
upgrades_under_a_writer
follows_one_installed_by_hand
takes_credentials
