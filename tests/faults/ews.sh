#!/usr/bin/env bash
# Exchange at its worst: the double's only package first, then the tests.
source "$(dirname "${BASH_SOURCE[0]}")/../../packaging/lib/common.sh"
provide_node
cd "$root/tests/doubles/exchange"
[ -d node_modules ] || npm ci --no-audit --no-fund --silent
exec node --test "$root"/tests/faults/ews*.test.mjs
