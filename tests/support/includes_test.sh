#!/usr/bin/env bash
# Data flows one way: an include that points against the arrows of the house fails here.
#   includes_test.sh ROOT
set -euo pipefail
root=$1

# A folder, and what it may include besides itself.
rules='
storage/base
storage/crypto storage/base
storage/mail storage/base storage/crypto
storage storage/base storage/crypto storage/mail
indexer storage storage/base storage/crypto storage/mail
connectors storage/base storage/mail
config storage/base
server storage storage/base storage/crypto storage/mail indexer connectors config
'

check() {
  grep -rnE '^#include "(storage|indexer|connectors|config|server|tests)/' "$1"/{storage,indexer,connectors,config,server} --include=*.cc --include=*.h |
    awk -v root="$1/" -v rules="$rules" '
      function room(path, part) {
        split(path, part, "/")
        return path ~ /^storage\/(base|crypto|mail)\// ? part[1] "/" part[2] : part[1]
      }
      BEGIN {
        count = split(rules, line, "\n")
        for (i = 1; i <= count; ++i) { split(line[i], word, " "); allowed[word[1]] = " " line[i] " " }
      }
      {
        split($0, field, ":"); split($0, quoted, "\"")
        file = substr(field[1], length(root) + 1)
        if (index(allowed[room(file)], " " room(quoted[2]) " ") == 0) {
          print file ":" field[2] " includes " quoted[2] ": it may include" allowed[room(file)] "only"
          wrong = 1
        }
      }
      END { exit wrong }' >&2
}

check "$root"
# The control: a house with one wrong arrow must fail.
bad=$(mktemp -d)
trap 'rm -rf "$bad"' EXIT
mkdir -p "$bad"/{storage/mail,indexer,connectors,config,server}
printf '#include "server/app.h"\n' >"$bad/storage/mail/wrong.cc"
if check "$bad" 2>/dev/null; then echo 'the control passed: this check cannot fail' >&2; exit 1; fi
echo 'all includes point the right way'
