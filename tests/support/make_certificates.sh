#!/bin/sh
# Makes what a PostgreSQL with TLS needs, for tests: make_certificates.sh DIR
#
#   ca.pem, other-ca.pem           two authorities
#   server.pem, server.key         a server named localhost, by the first of them
#   elsewhere.pem, elsewhere.key   a server of another name, by the first of them
#   hba.conf                       takes connections with TLS alone, of every role
set -eu
# shellcheck source=tests/support/as_postgres.sh
. "$(dirname "$0")/as_postgres.sh"
dir=$1
mkdir -p "$dir"
cd "$dir"

authority() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=authstate test $1" \
    -keyout "$1.key" -out "$1.pem"
}
server() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$2" -keyout "$1.key" -out "$1.csr"
  printf 'subjectAltName=DNS:%s\n' "$2" >"$1.ext"
  openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile "$1.ext" -out "$1.pem"
}

authority ca
authority other-ca
server server localhost
server elsewhere elsewhere.test
echo 'hostssl all all 127.0.0.1/32 trust' >hba.conf
own "$dir"
chmod 600 ./*.key
