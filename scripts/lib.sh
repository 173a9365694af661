# Shared by the scripts: finding and installing what is missing. Sourced, not run.

# The Debian packages behind the programs that hob uses.
needed_programs() {
  printf '%s\n' git:git bwrap:bubblewrap "$@"
}

# Whether the C compiler can link a program: a bare gcc comes without the C library's headers.
cc_links() {
  out=$(mktemp) || return 1
  status=0
  printf 'int main(void) { return 0; }\n' | cc -x c - -o "$out" 2>/dev/null || status=1
  rm -f "$out"
  return "$status"
}

# install_compiler  what building hob needs beside cargo.
install_compiler() {
  install_missing cc:gcc make:make
  cc_links || install_missing missing-c-library:libc6-dev
}

say() { printf '%s\n' "$*" >&2; }

die() {
  say "error: $1"
  [ $# -lt 2 ] || say "hint: $2"
  exit 1
}

# become_root PACKAGES...  sets as_root to what comes before a command that installs these.
# As root that is nothing; otherwise it asks first, and it is sudo.
become_root() {
  command -v apt-get >/dev/null 2>&1 ||
    die "missing: $*" "install them with this system's package manager, then run this again"
  as_root=""
  [ "$(id -u)" = 0 ] && return 0
  command -v sudo >/dev/null 2>&1 || die "missing: $*" "as root: apt-get install $*"
  say "missing: $*"
  if [ "${HOB_YES:-}" != 1 ]; then
    printf 'install with sudo apt-get? [y/N] ' >&2
    read -r answer </dev/tty || answer=n
    case "$answer" in y | Y | yes) ;; *) die "not installed: $*" "install them yourself, then run this again" ;; esac
  fi
  as_root="sudo"
}

# apt_install WORDS...  after become_root.
apt_install() {
  DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends "$@" >&2
}

# install_missing PROGRAM:PACKAGE...  installs the packages of the programs that are not there.
install_missing() {
  missing=""
  for pair in "$@"; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair#*:}"
  done
  [ -n "$missing" ] || return 0
  # shellcheck disable=SC2086
  become_root $missing
  $as_root apt-get update -qq
  # shellcheck disable=SC2086
  apt_install $missing
}

# install_qemu  QEMU's packages have to be of one version: where some are here already, apt would take them away for those of
# another. They come from the release that those are of, or, where this host no longer asks that one, all become what it gets.
install_qemu() {
  command -v qemu-system-x86_64 >/dev/null 2>&1 && return 0
  # shellcheck disable=SC2016
  here=$(dpkg-query -W -f '${db:Status-Abbrev}${Version}\n' qemu-utils 2>/dev/null | sed -n 's/^ii *//p')
  if [ -z "$here" ]; then
    install_missing qemu-system-x86_64:qemu-system-x86
    return
  fi
  become_root qemu-system-x86
  $as_root apt-get update -qq
  release=$(apt-cache madison qemu-system-x86 | awk -F'|' -v here="$here" \
    '{ gsub(/ /, "", $2) } $2 == here { split($3, words, " "); sub("/.*", "", words[2]); print words[2]; exit }')
  if [ -n "$release" ]; then
    apt_install --target-release "$release" qemu-system-x86
  else
    version=$(apt-cache policy qemu-system-x86 | sed -n 's/^ *Candidate: //p')
    apt_install --allow-downgrades "qemu-system-x86=$version" "qemu-utils=$version"
  fi
}

# built_hob TOP  where cargo puts the debug binary, whatever its configuration says.
built_hob() {
  folder=$(cd "$1" && cargo metadata --format-version 1 --no-deps --locked --offline 2>/dev/null |
    sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
  printf '%s/debug/hob\n' "${folder:-$1/target}"
}

# The Rust toolchain is the one thing that is never installed here.
need_rust() {
  [ "$(uname -sm)" = "Linux x86_64" ] || die "hob runs on Linux on x86-64; this is $(uname -sm)"
  command -v cargo >/dev/null 2>&1 ||
    die "cargo is missing" "install Rust 1.95 or newer with rustup, then run this again"
}
