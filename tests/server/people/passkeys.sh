#!/usr/bin/env bash
# The passkey tests, with Chromium driven by the browser application's own tools, and a real OpenID provider from npm.
source "$(dirname "${BASH_SOURCE[0]}")/../../../packaging/lib/common.sh"
provide_node
for folder in tests/doubles/oidc server/web; do
  (cd "$root/$folder" && { [ -d node_modules ] || npm ci --no-audit --no-fund --silent; })
done
exec node --test "$root/tests/server/people/passkeys.test.mjs"
