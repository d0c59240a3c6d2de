#!/usr/bin/env bash
# Exchange at its worst: the double's only package first, then the tests.   tests/faults/ews.sh [TEST...]
source "$(dirname "${BASH_SOURCE[0]}")/../../packaging/lib/common.sh"
provide_node
cd "$root/tests/doubles/exchange"
[ -d node_modules ] || npm ci --no-audit --no-fund --silent
[ $# -gt 0 ] || set -- "$root"/tests/faults/ews*.test.mjs
exec node --test "$@"
