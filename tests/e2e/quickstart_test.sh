#!/usr/bin/env bash
# The quickstart as its user runs it, twice (the second start finds the first one's data), and with a folder of mail.
source "$(dirname "${BASH_SOURCE[0]}")/../../packaging/lib/common.sh"

data=$(mktemp -d)
trap 'rm -rf "$data"' EXIT
expect() { grep -qE -- "$1" "$2" || { cat "$2"; die "the quickstart did not print: $1"; }; }

"$root/packaging/quickstart.sh" --data "$data" --listen 127.0.0.1:0 --exit >"$data/first.out" 2>&1 || { cat "$data/first.out"; die "the quickstart failed"; }
expect 'Rechnung 2026-4471' "$data/first.out"
expect 'Einweihung der Hauptorgel' "$data/first.out"
expect '^  Browser +https://127\.0\.0\.1:[0-9]+' "$data/first.out"
"$root/packaging/quickstart.sh" --data "$data" --listen 127.0.0.1:0 --exit >"$data/second.out" 2>&1 || { cat "$data/second.out"; die "the second start failed"; }
expect 'Rechnung 2026-4471' "$data/second.out"

mail=$root/packaging/sample/mail/anna.kranich@orgelbau-kranich.example
"$root/packaging/quickstart.sh" --mail "$mail" --data "$data" --listen 127.0.0.1:0 --exit >"$data/mail.out" 2>&1 || { cat "$data/mail.out"; die "--mail failed"; }
expect 'Einladung zur Einweihung' "$data/mail.out"
if "$root/packaging/quickstart.sh" --mail "$data/not-there" --exit >"$data/wrong.out" 2>&1; then die "a folder that is not there was accepted"; fi
expect 'not-there is not there' "$data/wrong.out"
echo "4 passed, 0 failed"
