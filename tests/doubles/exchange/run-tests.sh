#!/usr/bin/env bash
# The double's own tests, and its proof: clients that nobody here wrote run a session against it.
source "$(dirname "${BASH_SOURCE[0]}")/../../../packaging/lib/common.sh"
provide_node
cd "$(dirname "${BASH_SOURCE[0]}")"
[ -d node_modules ] || npm ci --no-audit --no-fund --silent
[ -d proof/node_modules ] || (cd proof && npm ci --no-audit --no-fund --silent)
node --test test/*.test.mjs

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj '/CN=double' -addext 'subjectAltName=IP:127.0.0.1,DNS:localhost' \
  -keyout "$folder/key.pem" -out "$folder/certificate.pem" 2>/dev/null
cd proof
NODE_EXTRA_CA_CERTS=$folder/certificate.pem KOPIAL_DOUBLE_KEY=$folder/key.pem npm run --silent proof
