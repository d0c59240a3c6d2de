#!/usr/bin/env bash
# Every number of the project, as ratios measured in one run on this machine.
#   tests/bench/run.sh [import] [graph] [latency] [steady] [ews] [search] [size] [store]      all when none is named
#
# KOPIAL_BENCH_MESSAGES (10000), KOPIAL_BENCH_SEARCH_MESSAGES (100000) and KOPIAL_BENCH_ROUNDS (3) scale it, and of `store`
# KOPIAL_BENCH_DELIVERIES (4000), KOPIAL_BENCH_MANY (200000) and KOPIAL_BENCH_LARGE_MIB (200); README.md has the full lengths. The work folder is
# made under $TMPDIR and removed, unless KOPIAL_BENCH_FOLDER names one to keep (its sets are then used again).
source "$(dirname "${BASH_SOURCE[0]}")/../../packaging/lib/common.sh"
source "$root/packaging/lib/daemon.sh"

wanted=${*:-import graph latency steady ews search size store}  # and `people`, which needs slapd and takes some minutes
messages=${KOPIAL_BENCH_MESSAGES:-10000} search_messages=${KOPIAL_BENCH_SEARCH_MESSAGES:-100000} rounds=${KOPIAL_BENCH_ROUNDS:-3}
install_packages "${build_packages[@]}" notmuch libnotmuch-dev zstd
provide_node
mkdir -p "$(dirname "$build")"
if [ -n "${KOPIAL_BENCH_FOLDER:-}" ]; then work=$KOPIAL_BENCH_FOLDER; mkdir -p "$work"; else work=$(mktemp -d); fi
clean_up() { stop_all; [ -n "${KOPIAL_BENCH_FOLDER:-}" ] || rm -rf "$work"; }
trap clean_up EXIT
targets=()
[[ " $wanted " =~ \ (import|graph|latency|steady|ews|search|size)\  ]] && targets+=(kopiald kopial kopial_generate kopial_search_bench)
[[ " $wanted " =~ \ store\  ]] && targets+=(kopial_generate kopial_store_bench)
build_targets "${targets[@]}"

shared=${KOPIAL_SHARED:-$root/../shared}
[ -d "$shared/corpus/volume" ] || die "the bench recombines real mail, and its corpus is not at $shared/corpus (KOPIAL_SHARED says where)"

seconds() { date +%s.%N; }
per_second() { awk -v n="$1" -v a="$2" -v b="$3" 'BEGIN{printf "%.0f", n/(b-a)}'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN{printf "%.2f", b==0?0:a/b}'; }

# set_of NAME ARGUMENTS...: a Maildir made once by the generator.
set_of() {
  local name=$1; shift
  [ -f "$work/$name.done" ] && return
  say "Generating $name"
  "$build/bin/kopial_generate" --corpus "$shared/corpus" --out "$work/$name" "$@" | tee "$work/$name.statistics"
  touch "$work/$name.done"
}

# fresh_daemon FOLDER: a new daemon with the tenant `bench` and an archive; sets $archive, $admin_token, $officer_token.
fresh_daemon() {
  stop_all
  rm -rf "$1"; mkdir -p "$1"
  printf 'data_dir = "%s"\n[http]\nlisten = ["127.0.0.1:0"]\n' "$1" >"$1/kopial.toml"
  set_up_system "$1"
  start_daemon "$1" 127.0.0.1:0
  set_up_tenant "$1" bench Bench
  token=$admin_token
  archive=$(api POST /tenants/bench/archives '{"kind":"import","display_name":"Bench"}' | jq -r .id)
}

# Until every message in scope is looked into: `searchable` is part of what is timed.
until_indexed() {
  local pending
  while :; do
    pending=$(token=$officer_token api GET "/tenants/bench/search?limit=1" | jq .coverage.pending)
    [ "$pending" = 0 ] && return
    sleep 0.1
  done
}

notmuch_new() { # MAILDIR: a fresh index; the configuration touches nothing of the user's
  rm -rf "$1/.notmuch" "$work/notmuch.conf"
  printf '[database]\npath=%s\n[new]\ntags=\n[index]\nas_text=\n[search]\n' "$1" >"$work/notmuch.conf"
  NOTMUCH_CONFIG=$work/notmuch.conf notmuch new --quiet 2>>"$work/notmuch.log"
}

bench_import() {
  set_of w10k --messages "$messages" --profile list --seed 1
  local round a b theirs ours count
  for round in $(seq "$rounds"); do
    a=$(seconds); notmuch_new "$work/w10k"; b=$(seconds)
    theirs=$(per_second "$messages" "$a" "$b")
    rm -rf "$work/w10k/.notmuch"
    fresh_daemon "$work/data"
    a=$(seconds)
    KOPIAL_TOKEN=$admin_token "$build/bin/kopial" import "$work/w10k" --tenant bench --archive "$archive" >"$work/import.log" || { cat "$work/import.log"; die "the import failed"; }
    local stored; stored=$(seconds)
    until_indexed
    b=$(seconds)
    ours=$(per_second "$messages" "$a" "$b")
    count=$(token=$officer_token api GET "/tenants/bench/search?limit=1" | jq .total)
    printf 'import, round %s: notmuch %s/s, kopial %s/s end to end (%s/s durable), ratio %s; %s messages found\n' \
      "$round" "$theirs" "$ours" "$(per_second "$messages" "$a" "$stored")" "$(ratio "$ours" "$theirs")" "$count"
  done
  stop_all
}

bench_graph() {
  local mailboxes=20 each=1000 a b total
  fresh_daemon "$work/data"
  # The double without delay: what is measured is the connector, the pipeline and the store.
  rm -f "$work/double.json"
  node "$root/tests/doubles/m365/server.mjs" --listen 127.0.0.1:0 --ready-file "$work/double.json" \
    --synthetic "{\"mailboxes\":$mailboxes,\"messages_per_mailbox\":$each,\"mean_bytes\":76800,\"seed\":1}" >"$work/double.log" 2>&1 &
  pids+=($!)
  until [ -s "$work/double.json" ]; do sleep 0.1; done
  double=$(cat "$work/double.json")
  local profile; profile=$(add_double_profile bench)
  a=$(seconds)
  KOPIAL_TOKEN=$admin_token "$build/bin/kopial" profile run "$profile" --tenant bench >"$work/run.log" || { tail -5 "$work/run.log"; die "the run failed"; }
  b=$(seconds)
  total=$(token=$officer_token api GET "/tenants/bench/search?limit=1" | jq .coverage.in_scope)
  printf 'graph: %s messages of 75 KB mean in %.1f s = %s/s; resident memory at its highest %s MiB\n' "$((mailboxes * each))" \
    "$(awk -v a="$a" -v b="$b" 'BEGIN{print b-a}')" "$(per_second $((mailboxes * each)) "$a" "$b")" \
    "$(awk '/VmHWM/{print int($2/1024)}' "/proc/$daemon_pid/status")"
  a=$(seconds)
  KOPIAL_TOKEN=$admin_token "$build/bin/kopial" profile run "$profile" --tenant bench >>"$work/run.log" || die "the second run failed"
  b=$(seconds)
  printf 'graph, second run with nothing new: %.1f s; %s messages in the archive\n' "$(awk -v a="$a" -v b="$b" 'BEGIN{print b-a}')" "$total"
  stop_all
}

# start_double JSON: the Microsoft 365 double with mail made by rule; sets $double and $double_admin.
start_double() {
  rm -f "$work/double.json"
  node "$root/tests/doubles/m365/server.mjs" --listen 127.0.0.1:0 --ready-file "$work/double.json" --synthetic "$1" >"$work/double.log" 2>&1 &
  pids+=($!)
  until [ -s "$work/double.json" ]; do sleep 0.1; done
  double=$(cat "$work/double.json")
  double_admin=$(jq -r .admin_url <<<"$double")
}
admin() { curl --silent --fail -X "$1" --data-binary "${3:-}" "$double_admin$2"; }
profile_run() { # PROFILE: seconds it took
  local a b
  a=$(seconds)
  KOPIAL_TOKEN=$admin_token "$build/bin/kopial" profile run "$1" --tenant bench >"$work/run.log" || { tail -5 "$work/run.log" >&2; die "the run failed"; }
  b=$(seconds)
  awk -v a="$a" -v b="$b" 'BEGIN{printf "%.2f", b-a}'
}

# What latency costs: every request is answered 50 ms late, and the service allows four at once in a mailbox.
bench_latency() {
  local mailboxes=20 each=${KOPIAL_BENCH_LATENCY_MESSAGES:-300} parallel=4 profile took requests
  fresh_daemon "$work/data"
  start_double "{\"mailboxes\":$mailboxes,\"messages\":$each,\"folders\":4,\"mean_bytes\":${KOPIAL_BENCH_LATENCY_BYTES:-76800},\"seed\":1}"
  profile=$(add_double_profile bench)
  api PATCH "/tenants/bench/profiles/$profile" "{\"parallel\":$parallel,\"schedule\":{},\"reconcile_every\":null}" >/dev/null
  admin POST /delay '{"milliseconds":50}' >/dev/null
  admin POST /stats/reset >/dev/null
  took=$(profile_run "$profile")
  requests=$(admin GET /stats | jq .requests)
  awk -v n=$((mailboxes * each)) -v r="$requests" -v t="$took" -v p=$parallel 'BEGIN{limit=r*0.05/(4*p);
    printf "latency: %d messages, %d requests of 50 ms, %d mailboxes at once, four requests in each: %.1f s, where %.1f s is the limit: %.0f %% of it; %.0f messages/s\n", n, r, p, t, limit, 100*limit/t, n/t}'
  stop_all
}

# Nothing new in many mailboxes: what a look at each of them costs.
bench_steady() {
  local mailboxes=${KOPIAL_BENCH_STEADY_MAILBOXES:-1000} profile took stats before after ticks
  fresh_daemon "$work/data"
  start_double "{\"mailboxes\":$mailboxes,\"messages\":3,\"folders\":3,\"mean_bytes\":2000,\"seed\":1}"
  profile=$(add_double_profile bench)
  api PATCH "/tenants/bench/profiles/$profile" '{"parallel":8,"schedule":{},"reconcile_every":null}' >/dev/null
  profile_run "$profile" >/dev/null
  admin POST /stats/reset >/dev/null
  ticks=$(getconf CLK_TCK)
  before=$(awk '{print $14+$15}' "/proc/$daemon_pid/stat")
  took=$(profile_run "$profile")
  after=$(awk '{print $14+$15}' "/proc/$daemon_pid/stat")
  stats=$(admin GET /stats)
  awk -v m="$mailboxes" -v r="$(jq .requests <<<"$stats")" -v d="$(jq '.by_kind.message_delta' <<<"$stats")" -v t="$took" -v c=$((after - before)) -v k="$ticks" \
    'BEGIN{printf "steady: %d mailboxes with nothing new: %.1f requests each, of which %.1f are one for each folder; %.1f s, %.1f CPU seconds: %.2f %% of a core every 15 minutes\n", m, r/m, d/m, t, c/k, 100*c/k/900}'
  stop_all
}

bench_ews() {
  local mailboxes=4 each=${KOPIAL_BENCH_EWS_MESSAGES:-1500} a b credential profile
  (cd "$root/tests/doubles/exchange" && { [ -d node_modules ] || npm ci --no-audit --no-fund --silent; })
  fresh_daemon "$work/data"
  # Without the schema: what is measured is the connector, the pipeline and the store, and not the double's validation.
  rm -f "$work/exchange.json"
  node "$root/tests/doubles/exchange/server.mjs" --listen 127.0.0.1:0 --ready-file "$work/exchange.json" --schema "" \
    --synthetic "{\"mailboxes\":$mailboxes,\"messages\":$each,\"mean_bytes\":76800,\"seed\":1}" >"$work/exchange.log" 2>&1 &
  pids+=($!)
  until [ -s "$work/exchange.json" ]; do sleep 0.1; done
  credential=$(api POST /tenants/bench/credentials "$(jq -c --rawfile ca "$(jq -r .ca_file "$work/exchange.json")" \
    '{kind: "exchange", ews_url: .url, auth: "basic", username, password, ca_pem: $ca}' "$work/exchange.json")" | jq -r .id)
  profile=$(api POST /tenants/bench/profiles "{\"name\":\"Exchange\",\"kind\":\"ews\",\"credential\":\"$credential\"}" | jq -r .id)
  a=$(seconds)
  KOPIAL_TOKEN=$admin_token "$build/bin/kopial" profile run "$profile" --tenant bench >"$work/run.log" || { tail -5 "$work/run.log"; die "the run failed"; }
  b=$(seconds)
  printf 'ews: %s messages of 75 KB mean in %.1f s = %s/s; resident memory at its highest %s MiB\n' "$((mailboxes * each))" \
    "$(awk -v a="$a" -v b="$b" 'BEGIN{print b-a}')" "$(per_second $((mailboxes * each)) "$a" "$b")" \
    "$(awk '/VmHWM/{print int($2/1024)}' "/proc/$daemon_pid/status")"
  a=$(seconds)
  KOPIAL_TOKEN=$admin_token "$build/bin/kopial" profile run "$profile" --tenant bench >>"$work/run.log" || die "the second run failed"
  b=$(seconds)
  printf 'ews, second run with nothing new: %.1f s\n' "$(awk -v a="$a" -v b="$b" 'BEGIN{print b-a}')"
  stop_all
}

bench_search() {
  set_of w100k --messages "$search_messages" --profile list --seed 2
  say "Indexing $search_messages messages on both sides"
  notmuch_new "$work/w100k"
  fresh_daemon "$work/data"
  KOPIAL_TOKEN=$admin_token "$build/bin/kopial" import "$work/w100k" --tenant bench --archive "$archive" >"$work/import.log" || { cat "$work/import.log"; die "the import failed"; }
  until_indexed
  (umask 077 && printf '%s\n' "$officer_token" >"$work/token")
  local arguments=(--url "$url" --token-file "$work/token" --ca-file "$ca_file" --tenant bench --notmuch "$work/w100k"
    --queries "$root/tests/bench/queries.tsv")
  say "Search, warm"; "$build/bin/kopial_search_bench" "${arguments[@]}" --rounds 5
  say "Search, cold"; "$build/bin/kopial_search_bench" "${arguments[@]}" --rounds 1 --evict "$data_index" --evict "$work/w100k/.notmuch"
  stop_all
}
data_index=$work/data/tenants/bench/index

bench_people() { KOPIAL_BUILD=$build node "$root/tests/bench/people.mjs"; }

bench_size() {
  set_of c20k --messages 20000 --profile corporate --mailboxes 20 --seed 3
  fresh_daemon "$work/data"
  local mailbox raw store index
  KOPIAL_TOKEN=$admin_token "$build/bin/kopial" import "$work/c20k" --tenant bench --archive "$archive" >"$work/import.log" || { cat "$work/import.log"; die "the import failed"; }
  until_indexed
  stop_all
  raw=$(find "$work/c20k" -type f -not -path '*/.notmuch/*' -printf '%s\n' | awk '{n+=$1}END{print n}')
  store=$(du -sb "$work/data/tenants/bench/store" | cut -f1) index=$(du -sb "$work/data/tenants/bench/index" | cut -f1)
  printf 'size: raw %s bytes, store %s (%s of raw), index %s (%s), both %s\n' "$raw" "$store" "$(ratio "$store" "$raw")" \
    "$index" "$(ratio "$index" "$raw")" "$(ratio $((store + index)) "$raw")"
}

# The store alone, without daemon and index. Each measure is a process of its own, so that its memory is its own.
bench_store() {
  local deliveries=${KOPIAL_BENCH_DELIVERIES:-4000} many=${KOPIAL_BENCH_MANY:-200000} large=${KOPIAL_BENCH_LARGE_MIB:-200} pid
  local bench=$build/bin/kopial_store_bench s=$work/store-bench
  set_of "list$messages" --messages "$messages" --profile list --seed 1
  set_of "corporate$deliveries" --messages "$deliveries" --profile corporate --mailboxes 20 --seed 3
  rm -rf "$s"; mkdir -p "$s"
  say "store: small mail"; "$bench" intake --set "$work/list$messages" --folder "$s/list" --bound
  say "store: corporate mail"; "$bench" intake --set "$work/corporate$deliveries" --folder "$s/corporate" --bound
  say "store: one message at a time"; "$bench" latency --set "$work/list$messages" --folder "$s/latency"
  say "store: reading, nothing cached"; "$bench" cold --folder "$s/corporate"
  say "store: one attachment of $large MiB"; "$bench" stream --folder "$s/large" --bytes $((large << 20))
  say "store: $many small messages, then kill -9"
  "$bench" many --folder "$s/many" --messages "$many" --wait >"$s/many.log" &
  pid=$!; pids+=("$pid")
  until grep -q "waiting to be killed" "$s/many.log"; do kill -0 "$pid" 2>/dev/null || { cat "$s/many.log"; die "the bench ended by itself"; }; sleep 0.2; done
  kill -9 "$pid"; wait "$pid" 2>/dev/null || true
  unset 'pids[-1]'
  grep many: "$s/many.log"
  "$bench" open --folder "$s/many"
  rm -rf "$s"
}

for name in $wanted; do
  say "$name"
  "bench_$name"
done
