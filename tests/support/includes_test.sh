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

room_of() {
  case $1 in
    storage/base/* | storage/crypto/* | storage/mail/*) printf '%s' "$(cut -d/ -f1,2 <<<"$1")" ;;
    *) printf '%s' "${1%%/*}" ;;
  esac
}

check() {
  local root=$1 wrong=0 file line included from to allowed
  while IFS=: read -r file line included; do
    file=${file#"$root"/}
    included=$(sed -E 's/.*"([^"]+)".*/\1/' <<<"$included")
    from=$(room_of "$file") to=$(room_of "$included")
    allowed=" $from $(sed -nE "s#^$from (.*)#\1#p" <<<"$rules") "
    if [[ $allowed != *" $to "* ]]; then
      echo "$file:$line includes $included: $from may include${allowed}only" >&2
      wrong=1
    fi
  done < <(grep -rnE '^#include "(storage|indexer|connectors|config|server|tests)/' "$root"/{storage,indexer,connectors,config,server} --include=*.cc --include=*.h)
  return $wrong
}

check "$root"
# The control: a house with one wrong arrow must fail.
bad=$(mktemp -d)
trap 'rm -rf "$bad"' EXIT
mkdir -p "$bad"/{storage/mail,indexer,connectors,config,server}
printf '#include "server/app.h"\n' >"$bad/storage/mail/wrong.cc"
if check "$bad" 2>/dev/null; then echo 'the control passed: this check cannot fail' >&2; exit 1; fi
echo 'all includes point the right way'
