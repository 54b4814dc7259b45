# shellcheck shell=bash
# ./dev package: what others install. Each kind has a file beside this one.
# shellcheck source=tools/dev/build.sh
source "$AUTHSTATE_ROOT/tools/dev/build.sh"
# shellcheck source=tools/dev/package/deb.sh
source "$AUTHSTATE_ROOT/tools/dev/package/deb.sh"
# shellcheck source=tools/dev/package/image.sh
source "$AUTHSTATE_ROOT/tools/dev/package/image.sh"
# shellcheck source=tools/dev/package/npm.sh
source "$AUTHSTATE_ROOT/tools/dev/package/npm.sh"
# shellcheck source=tools/dev/package/check.sh
source "$AUTHSTATE_ROOT/tools/dev/package/check.sh"

package_usage() {
  cat <<'TEXT'
Usage: ./dev package [--revision N] [deb] [image] [oci] [npm]
       ./dev package --check [12|13]

Builds, and leaves in build/package:

  deb      the package of the Debian or Ubuntu that this runs on, the default; lintian judges it. --revision (1) tells
           packages of one commit apart
  image    rootfs, the file system of the container image that deploy/Dockerfile makes
  oci      authstate-oci.tar, the same image without an engine
  npm      @authstate/server and @authstate/server-linux-x64, to be installed from the two files

--check tries them: the image's file system and the archive here; the npm packages and the Debian package in a bare Debian
12, 13 or both, installed, run under its systemd, upgraded under a writer from the release before, removed and purged. Before
the first release it is the commit 50 before this one. The packages of a Debian that is not this one are built there, which
takes long the first time; what the compiler made is kept beside the bare systems. Needs root or sudo.

TEXT
  bare_usage
}

dev_package() {
  local kinds=() revision=1 check=false versions=()
  while [[ $# -gt 0 ]]; do
    case $1 in
      -h | --help) package_usage && return ;;
      --revision) revision=${2:-} && shift ;;
      --revision=*) revision=${1#*=} ;;
      --check) check=true ;;
      deb | image | oci | npm) kinds+=("$1") ;;
      12 | 13) versions+=("$1") ;;
      *) usage_error "package: unknown argument '$1'" ;;
    esac
    shift
  done
  [[ $revision =~ ^[1-9][0-9]*$ ]] || usage_error 'package: --revision is a whole number above 0'
  if $check; then
    [[ ${#kinds[@]} -eq 0 ]] || usage_error 'package: --check takes 12 or 13 alone'
    [[ ${#versions[@]} -gt 0 ]] || versions=(12 13)
    check_packages "${versions[@]}"
    return
  fi
  [[ ${#versions[@]} -eq 0 ]] || usage_error 'package: 12 and 13 are for --check'
  [[ ${#kinds[@]} -gt 0 ]] || kinds=(deb)
  ensure_packages build
  [[ ${kinds[*]} == image ]] || ensure_packages package
  configure_programs
  compile default authstated authstatectl
  package_kinds "$revision" "${kinds[@]}"
}

# package_kinds REVISION KIND...
package_kinds() {
  local revision=$1 kind
  shift
  mkdir -p build/package
  for kind in "$@"; do
    case $kind in
      deb) package_deb "$revision" ;;
      image) package_image ;;
      oci) package_oci ;;
      npm) package_npm ;;
    esac
  done
}
