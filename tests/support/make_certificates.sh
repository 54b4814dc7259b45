#!/bin/sh
# Makes what a server with TLS needs, for tests: make_certificates.sh DIR. Each certificate has its key beside it
# (server.pem, server.key).
#
#   ca, other-ca                   two authorities
#   server, renewed                a server named localhost, twice, by the first of them
#   elsewhere                      a server of another name
#   expired, future                a server named localhost whose time is over, or has not come
#   nameless                       a server without a name
#   no-server                      a client with the name localhost
#   unvouched                      the server's certificate, with an authority that has not signed it
#   self-signed                    a server named localhost, by itself
#   client, renewed-client         a client, twice, by the first authority
#   expired-client                 a client whose time is over
#   other-client                   a client, by the other one
#   pool, reader, stranger         clients with a name: DNS:pool.test, URI:spiffe://authstate.test/reader, DNS:stranger.test
#   hba.conf                       takes connections to PostgreSQL with TLS alone, of every role
set -eu
# shellcheck source=tests/support/as_postgres.sh
. "$(dirname "$0")/as_postgres.sh"
dir=$1
mkdir -p "$dir"
cd "$dir"

day() { date -u -d "$1 day" +%Y%m%d%H%M%SZ; }
yesterday=$(day -1)
tomorrow=$(day 1)
later=$(day 2)

cat >ca.conf <<'EOC'
[ca]
default_ca = test
[test]
database = index
new_certs_dir = .
default_md = sha256
rand_serial = yes
unique_subject = no
policy = any
[any]
commonName = supplied
EOC
: >index

# request NAME OPTION...: with a key of its own
request() {
  name=$1
  shift
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=authstate test $name" \
    -keyout "$name.key" "$@"
}

# signed NAME AUTHORITY EXTENSIONS BEGIN END
signed() {
  request "$1" -out "$1.csr"
  printf '%s\n' "$3" >"$1.ext"
  openssl ca -config ca.conf -batch -notext -cert "$2.pem" -keyfile "$2.key" -extfile "$1.ext" \
    -startdate "$4" -enddate "$5" -in "$1.csr" -out "$1.pem"
}

localhost=subjectAltName=DNS:localhost
request ca -x509 -days 2 -out ca.pem
request other-ca -x509 -days 2 -out other-ca.pem
request self-signed -x509 -days 2 -addext "$localhost" -out self-signed.pem
signed server ca "$localhost" "$yesterday" "$later"
signed renewed ca "$localhost" "$yesterday" "$later"
signed elsewhere ca subjectAltName=DNS:elsewhere.test "$yesterday" "$later"
signed expired ca "$localhost" "$(day -3)" "$yesterday"
signed future ca "$localhost" "$tomorrow" "$later"
signed nameless ca keyUsage=digitalSignature "$yesterday" "$later"
signed no-server ca "$(printf 'extendedKeyUsage=clientAuth\n%s' "$localhost")" "$yesterday" "$later"
cat server.pem other-ca.pem >unvouched.pem
signed client ca extendedKeyUsage=clientAuth "$yesterday" "$later"
signed renewed-client ca extendedKeyUsage=clientAuth "$yesterday" "$later"
signed expired-client ca extendedKeyUsage=clientAuth "$(day -3)" "$yesterday"
signed other-client other-ca extendedKeyUsage=clientAuth "$yesterday" "$later"
signed pool ca "$(printf 'extendedKeyUsage=clientAuth\nsubjectAltName=DNS:pool.test')" "$yesterday" "$later"
signed reader ca "$(printf 'extendedKeyUsage=clientAuth\nsubjectAltName=URI:spiffe://authstate.test/reader')" "$yesterday" "$later"
signed stranger ca "$(printf 'extendedKeyUsage=clientAuth\nsubjectAltName=DNS:stranger.test')" "$yesterday" "$later"
echo 'hostssl all all 127.0.0.1/32 trust' >hba.conf
own "$dir"
chmod 600 ./*.key
