#!/usr/bin/env bash
# The browser application in Chromium against the real daemon and the Microsoft 365 double with the sample organisation.
#   tests/e2e/browser.sh        $KOPIAL_BUILD names the build folder
source "$(dirname "${BASH_SOURCE[0]}")/../../packaging/lib/common.sh"
source "$root/packaging/lib/daemon.sh"

provide_node
data=$(mktemp -d)
trap 'stop_all; rm -rf "$data"' EXIT
printf 'data_dir = "%s"\n[http]\nlisten = ["127.0.0.1:0"]\n' "$data" >"$data/kopial.toml"
set_up_system "$data"
start_daemon "$data" 127.0.0.1:0
set_up_tenant "$data" sample 'Orgelbau Kranich & Söhne'
start_double "$data/double" "$root/packaging/sample"
token=$admin_token
profile=$(add_double_profile sample)
KOPIAL_TOKEN=$admin_token "$build/bin/kopial" profile run "$profile" --tenant sample

cd "$root/server/web"
[ -d node_modules ] || npm ci --no-audit --no-fund --silent
export KOPIAL_E2E_URL=$url KOPIAL_E2E_TENANT=sample KOPIAL_E2E_USER=officer KOPIAL_E2E_PASSWORD=$officer_password
export KOPIAL_E2E_ADMIN=admin KOPIAL_E2E_ADMIN_PASSWORD=$admin_password KOPIAL_E2E_CA=$ca_file
npm run --silent e2e
