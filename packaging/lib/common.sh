# What quickstart.sh and test.sh share: installing what is missing, and building. Sourced, not run.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${KOPIAL_BUILD:-$root/build/release}

say() { printf '\033[1m== %s\033[0m\n' "$*"; }
die() { printf 'kopial: %s\n' "$*" >&2; exit 1; }

# What the product is built from and with. Versions are Debian 12's.
build_packages=(
  g++ cmake ninja-build ccache mold pkg-config git ca-certificates curl jq openssl
  libboost1.81-dev libboost-json1.81-dev libboost-url1.81-dev libssl-dev librocksdb-dev libxapian-dev libmimetic-dev
  libgmime-3.0-dev libcurl4-openssl-dev libgtest-dev libgmock-dev libbenchmark-dev libzstd-dev libicu-dev libxml2-dev libkrb5-dev
  libspdlog-dev libfmt-dev libcli11-dev libtomlplusplus-dev libargon2-dev prometheus-cpp-dev libldap-dev libcjose-dev libjansson-dev liboath-dev libfido2-dev libcbor-dev)
# What the tests drive.
test_packages=(chromium zstd python3-exchangelib davmail slapd ldap-utils samba samba-dsdb-modules samba-ad-provision winbind python3-samba
  krb5-user iproute2 apache2 libapache2-mod-auth-gssapi)

# install_packages NAME...: from Debian, and only what is missing.
install_packages() {
  local missing=() name
  for name in "$@"; do
    dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  say "Installing from Debian: ${missing[*]}"
  local as_root=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "these packages are missing and this is not root: run as root: apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  local log; log=$(mktemp)
  if ! { "${as_root[@]}" apt-get update && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -20 "$log" >&2
    die "apt-get could not install the packages above (whole log: $log)"
  fi
  rm -f "$log"
}

# A Node.js that the browser application's tools accept (20.19 or newer). Debian 12 has 18, so a newer one is taken from npm into
# the user's cache and put first on the PATH; nothing of the system is changed.
provide_node() {
  node_is_new() { node -e 'const [a,b]=process.versions.node.split(".").map(Number);process.exit(a>20||(a===20&&b>=19)?0:1)' 2>/dev/null; }
  command -v node >/dev/null || install_packages nodejs npm
  command -v npm >/dev/null || install_packages npm
  local cache=${XDG_CACHE_HOME:-$HOME/.cache}/kopial/node
  local arch=x64; [ "$(uname -m)" = aarch64 ] && arch=arm64
  if ! node_is_new && [ -x "$cache/node_modules/node-linux-$arch/bin/node" ]; then PATH=$cache/node_modules/node-linux-$arch/bin:$PATH; fi
  if ! node_is_new; then
    say "Fetching a newer Node.js from npm (Debian's is $(node --version))"
    mkdir -p "$cache"
    npm install --silent --no-audit --no-fund --prefix "$cache" "node-linux-$arch@22" >/dev/null
    PATH=$cache/node_modules/node-linux-$arch/bin:$PATH
    node_is_new || die "the Node.js from npm does not run here"
  fi
  export PATH
}

# build_targets [TARGET...]: configures once, then builds; all when none is named.
build_targets() {
  export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS:-pch_defines,time_macros}
  # A compiler process takes up to 1.2 GB: fewer at once where memory is short.
  local jobs by_memory; jobs=$(nproc)
  by_memory=$(awk '/MemAvailable/{print int($2/1300000)}' /proc/meminfo)
  [ "$by_memory" -lt "$jobs" ] && jobs=$((by_memory > 0 ? by_memory : 1))
  say "Building ($jobs at a time; the first time takes a while)"
  (cd "$root" && cmake --preset release -B "$build" >"$build.configure.log" 2>&1) || { tail -30 "$build.configure.log" >&2; die "configuring failed"; }
  if [ $# -eq 0 ]; then cmake --build "$build" -j "$jobs"; else cmake --build "$build" -j "$jobs" --target "$@"; fi
}
