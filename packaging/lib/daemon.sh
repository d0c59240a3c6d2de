# Starting a daemon, a tenant with its people, and the Microsoft 365 double. Sourced after common.sh; needs curl and jq.
#
# Everything goes through the public interface, so this is also how a script of yours would do it.

pids=()
stop_all() {
  local pid
  for pid in "${pids[@]:-}"; do [ -n "$pid" ] && kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]:-}"; do [ -n "$pid" ] && wait "$pid" 2>/dev/null || true; done
  pids=()
}

new_password() { openssl rand -base64 18 | tr '+/' 'xy'; }

# start_daemon DATA LISTEN: writes DATA/kopial.toml when there is none, starts kopiald, and sets $url and $ca_file when it is ready.
start_daemon() {
  local data=$1 listen=$2
  mkdir -p "$data"
  [ -f "$data/kopial.toml" ] || printf 'data_dir = "%s"\n[http]\nlisten = ["%s"]\n' "$data" "$listen" >"$data/kopial.toml"
  rm -f "$data/run/address"
  KOPIAL_WEB_DIR=$build/web "$build/bin/kopiald" --config "$data/kopial.toml" >>"$data/kopiald.log" 2>&1 &
  daemon_pid=$!
  pids+=("$daemon_pid")
  local tries=0
  until [ -s "$data/run/address" ]; do
    kill -0 "$daemon_pid" 2>/dev/null || { tail -5 "$data/kopiald.log" >&2; die "kopiald ended while starting (log: $data/kopiald.log)"; }
    [ $((tries += 1)) -lt 600 ] || die "kopiald is not ready after a minute (log: $data/kopiald.log)"
    sleep 0.1
  done
  url=$(head -1 "$data/run/address")
  ca_file=$data/tls/certificate.pem
  export KOPIAL_URL=$url KOPIAL_CA_FILE=$ca_file
}

# api METHOD PATH [JSON]: prints the answer; $token signs in. Ends the script with the problem's text on an error.
api() {
  local method=$1 path=$2 body=${3:-} answer status
  local arguments=(--silent --show-error --cacert "$ca_file" -X "$method" -w '\n%{http_code}')
  [ -n "$body" ] && arguments+=(-H 'Content-Type: application/json' --data-binary @-)
  # The token comes from a file descriptor: arguments are visible to everybody on the machine.
  answer=$(printf '%s' "$body" | curl "${arguments[@]}" -H @<([ -z "${token:-}" ] || printf 'Authorization: Bearer %s\n' "$token") "$url/api/v1$path") || die "no answer from $url"
  status=${answer##*$'\n'}
  answer=${answer%$'\n'*}
  case $status in
    2*) printf '%s\n' "$answer" ;;
    *) die "$method $path answered $status: $(jq -r '.detail // .title // .' <<<"$answer" 2>/dev/null || printf '%s' "$answer")" ;;
  esac
}

# sign_in TENANT USER PASSWORD: prints a token. An empty TENANT signs in a system administrator.
sign_in() {
  local body
  body=$(jq -n --arg t "$1" --arg u "$2" --arg p "$3" '{username:$u,password:$p} + (if $t=="" then {} else {tenant:$t} end)')
  token='' api POST /sessions "$body" | jq -r .token
}

# redeem TENANT USER CODE PASSWORD: the first password of a new user; prints a token.
redeem() {
  token='' api POST /sessions/redeem "$(jq -n --arg t "$1" --arg u "$2" --arg c "$3" --arg p "$4" '{tenant:$t,username:$u,code:$c,password:$p}')" | jq -r .token
}

one_time_code() { jq -r 'first(.. | .one_time_code? // empty)'; }

# set_up_system DATA: the first system administrator, before the daemon's first start.
set_up_system() {
  local data=$1 password; password=$(new_password)
  printf '%s' "$password" | "$build/bin/kopial" setup --config "$data/kopial.toml" --admin admin --password-stdin >/dev/null
  (umask 077 && printf 'system_password=%q\n' "$password" >>"$data/sign-in")
  system_password=$password
}

# set_up_tenant DATA SLUG NAME: a tenant with an administrator and a compliance officer; passwords go to DATA/sign-in.
set_up_tenant() {
  local data=$1 slug=$2 name=$3 code
  admin_password=$(new_password) officer_password=$(new_password)
  token=$(sign_in '' admin "$system_password")
  code=$(api POST /tenants "$(jq -n --arg s "$slug" --arg n "$name" '{slug:$s,name:$n,languages:["de","en"]}')" | one_time_code)
  token=$(redeem "$slug" admin "$code" "$admin_password")
  admin_token=$token
  code=$(api POST "/tenants/$slug/users" '{"username":"officer","display_name":"Compliance officer","roles":["compliance_officer"],"addresses":[]}' | one_time_code)
  officer_token=$(redeem "$slug" officer "$code" "$officer_password")
  (umask 077 && printf 'admin_password=%q\nofficer_password=%q\n' "$admin_password" "$officer_password" >>"$data/sign-in")
}

# start_double FOLDER ORGANISATION: the Microsoft 365 double; sets $double (its JSON line).
start_double() {
  local folder=$1 organisation=$2 tries=0
  mkdir -p "$folder"
  rm -f "$folder/double.json"
  node "$root/tests/doubles/m365/server.mjs" --listen 127.0.0.1:0 --organisation "$organisation" --ready-file "$folder/double.json" >"$folder/double.log" 2>&1 &
  local pid=$!
  pids+=("$pid")
  until [ -s "$folder/double.json" ]; do
    kill -0 "$pid" 2>/dev/null || { tail -5 "$folder/double.log" >&2; die "the Microsoft 365 double ended while starting"; }
    [ $((tries += 1)) -lt 300 ] || die "the Microsoft 365 double is not ready after half a minute"
    sleep 0.1
  done
  double=$(cat "$folder/double.json")
}

# add_double_profile TENANT: a credential and a profile that archive everything the double has; prints the profile's id. $token: an administrator.
add_double_profile() {
  local tenant=$1 credential
  credential=$(api POST "/tenants/$tenant/credentials" "$(jq --rawfile ca "$(jq -r .ca_file <<<"$double")" \
    '{kind:"entra_app",name:"Sample organisation",directory_id,client_id,client_secret,authority:.url,graph_url:.url,ca_pem:$ca}' <<<"$double")" | jq -r .id)
  api POST "/tenants/$tenant/profiles" "$(jq -n --arg c "$credential" \
    '{name:"All mailboxes",kind:"graph",credential:$c,mailboxes:{include:"all"},schedule:{every:"5m"}}')" | jq -r .id
}
