#!/usr/bin/env bash
# The sign-in tests, with a real OpenID provider from npm.
source "$(dirname "${BASH_SOURCE[0]}")/../../../packaging/lib/common.sh"
provide_node
(cd "$root/tests/doubles/oidc" && { [ -d node_modules ] || npm ci --no-audit --no-fund --silent; })
exec node --test "$root/tests/server/people/sign_in.test.mjs"
