#!/usr/bin/env bash
# From a fresh Debian 12 to an archive that answers, in one command.
#
#   packaging/quickstart.sh                 archives a sample organisation from a Microsoft 365 double
#   packaging/quickstart.sh --mail PATH     archives your own mbox, Maildir or folder of EML files
#   packaging/quickstart.sh --graph         asks for a real tenant's ids and secret, and archives from Microsoft 365
#
#   --data FOLDER    where the archive lives (default: ~/.local/share/kopial-quickstart; kept, and used again next time)
#   --listen ADDRESS default 127.0.0.1:8460; another free port is taken when that one is in use
#   --exit           stop after the searches instead of running until Ctrl-C
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
source "$root/packaging/lib/daemon.sh"

usage() { sed -n '2,11p' "${BASH_SOURCE[0]}" | sed 's/^# \{0,1\}//'; exit "$1"; }

mode=sample mail='' data=${XDG_DATA_HOME:-$HOME/.local/share}/kopial-quickstart listen='' leave=false
while [ $# -gt 0 ]; do
  case $1 in
    --mail) [ $# -ge 2 ] || usage 2 >&2; mode=mail mail=$(realpath -e -- "$2") || die "$2 is not there"; shift 2 ;;
    --graph) mode=graph; shift ;;
    --data) [ $# -ge 2 ] || usage 2 >&2; data=$(realpath -m -- "$2"); shift 2 ;;
    --listen) [ $# -ge 2 ] || usage 2 >&2; listen=$2; shift 2 ;;
    --exit) leave=true; shift ;;
    -h | --help) usage 0 ;;
    *) printf 'kopial: %s is not known\n\n' "$1" >&2; usage 2 >&2 ;;
  esac
done

install_packages "${build_packages[@]}"
provide_node
mkdir -p "$(dirname "$build")" "$data"
chmod 0700 "$data"
build_targets kopiald kopial kopial_web
kopial=$build/bin/kopial
trap stop_all EXIT

if [ -z "$listen" ]; then
  listen=127.0.0.1:8460
  if (exec 3<>/dev/tcp/127.0.0.1/8460) 2>/dev/null; then listen=127.0.0.1:0; fi
fi
tenant=sample name='Orgelbau Kranich & Söhne'
case $mode in
  mail) tenant=own name='My own mail' ;;
  graph) tenant=m365 name='My organisation' ;;
esac
data=$data/$mode
mkdir -p "$data"

say "Starting the daemon (data in $data)"
printf 'data_dir = "%s"\n[http]\nlisten = ["%s"]\n' "$data" "$listen" >"$data/kopial.toml"
fresh=true
[ -f "$data/sign-in" ] && fresh=false
if $fresh; then set_up_system "$data"; else . "$data/sign-in"; fi
start_daemon "$data" "$listen"
if [ -z "${officer_password:-}" ]; then
  set_up_tenant "$data" "$tenant" "$name"
else
  admin_token=$(sign_in "$tenant" admin "$admin_password")
  officer_token=$(sign_in "$tenant" officer "$officer_password")
fi
token=$admin_token

# The profile of an earlier quickstart is used again; its credential is not, because the double has a new address each time.
run_profile() {
  say "Archiving"
  KOPIAL_TOKEN=$admin_token "$kopial" profile run "$1" --tenant "$tenant" || die "the run did not succeed"
}

case $mode in
  sample)
    say "Starting a Microsoft 365 double with the sample organisation"
    start_double "$data/double" "$root/packaging/sample"
    profile=$(add_double_profile "$tenant")
    run_profile "$profile"
    searches=('Rechnung' 'from:bach Orgel date:2026-10..2026-12')
    ;;
  mail)
    archive=$(api GET "/tenants/$tenant/archives?limit=1000" | jq -r 'first(.items[] | select(.display_name=="Imported mail") | .id) // empty')
    [ -n "$archive" ] || archive=$(api POST "/tenants/$tenant/archives" '{"kind":"import","display_name":"Imported mail"}' | jq -r .id)
    say "Archiving $mail"
    KOPIAL_TOKEN=$admin_token "$kopial" import "$mail" --tenant "$tenant" --archive "$archive" || die "the import did not finish; run it again, it goes on where it stopped"
    searches=('' 'has:attachment')
    ;;
  graph)
    profile=$(api GET "/tenants/$tenant/profiles" | jq -r 'first(.items[] | select(.kind=="graph") | .id) // empty')
    if [ -z "$profile" ]; then
      cat <<'TEXT'

Kopial signs in to Microsoft 365 as an application. In the Entra admin center: App registrations, New registration, then
API permissions, Microsoft Graph, Application permissions: User.Read.All, Mail.Read, MailboxSettings.Read, and "Grant admin
consent"; then Certificates & secrets, New client secret.
TEXT
      read -rp 'Directory (tenant) ID: ' directory_id
      read -rp 'Application (client) ID: ' client_id
      read -rsp 'Client secret (the value, not its id): ' client_secret; echo
      credential=$(api POST "/tenants/$tenant/credentials" "$(jq -n --arg d "$directory_id" --arg c "$client_id" --arg s "$client_secret" \
        '{kind:"entra_app",name:"Microsoft 365",directory_id:$d,client_id:$c,client_secret:$s}')" | jq -r .id)
      unset client_secret
      read -rp 'Mailboxes to archive (addresses with commas between; empty for all): ' mailboxes
      profile=$(api POST "/tenants/$tenant/profiles" "$(jq -n --arg c "$credential" --arg m "$mailboxes" \
        '{name:"Microsoft 365",kind:"graph",credential:$c,mailboxes:{include:(if $m=="" then "all" else ($m|split(",")|map(gsub("^ +| +$";""))) end)}}')" | jq -r .id)
    fi
    run_profile "$profile"
    searches=('' 'has:attachment')
    ;;
esac

for query in "${searches[@]}"; do
  say "Searching: ${query:-everything}"
  KOPIAL_TOKEN=$officer_token "$kopial" search --tenant "$tenant" --wait --limit 5 -- "$query"
done

cat <<TEXT

Kopial is running.

  Browser               $url   (its certificate is self-signed: the browser will ask)
  Organisation          $tenant
  Compliance officer    officer   $officer_password   searches and reads
  Administrator         admin     $admin_password   runs the archive, and does not read mail
  Command line          KOPIAL_URL=$url KOPIAL_CA_FILE=$ca_file $kopial login --tenant $tenant --username officer

TEXT
$leave && exit 0
say "Ctrl-C stops it; the archive stays in $data"
wait "$daemon_pid"
