#!/usr/bin/env bash
# Signing in to a real server with Kerberos: Samba is the domain and its KDC, Apache is the front that demands it (mod_auth_gssapi), the Exchange
# double is behind. In a network namespace of its own, because a domain controller wants its ports.
source "$(dirname "${BASH_SOURCE[0]}")/../../packaging/lib/common.sh"
provide_node
needed=(samba krb5-user apache2 libapache2-mod-auth-gssapi)
for package in "${needed[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || { echo "SKIPPED: $package is not installed; this test needs: ${needed[*]}"; exit 0; }
done
if [ "${1:-}" != inside ]; then
  unshare -n true 2>/dev/null || { echo 'SKIPPED: no network namespace can be made here'; exit 0; }
  exec unshare -n "$0" inside
fi
ip link set lo up
cd "$root/tests/doubles/exchange"
[ -d node_modules ] || { echo 'SKIPPED: run tests/faults/ews.sh once, where npm can be reached'; exit 0; }

work=$(mktemp -d); chmod 755 "$work"
pids=()
clean_up() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap clean_up EXIT

say 'A domain'
samba-tool domain provision --targetdir="$work/dc" --server-role=dc --realm=ARCH.TEST --domain=ARCH --adminpass='Passw0rd!x' --use-rfc2307 --dns-backend=NONE \
  --host-name=dc1 --host-ip=127.0.0.1 --option="interfaces=lo" --option="bind interfaces only=yes" --option="server services=ldap cldap kdc rpc" >"$work/provision.log" 2>&1 \
  || { tail -n 5 "$work/provision.log"; die 'the domain could not be made'; }
sed -i "s#^\[global\]#[global]\n\tpid directory = $work/run\n\tncalrpc dir = $work/run/ncalrpc\n\tlog file = $work/log.%m#" "$work/dc/etc/smb.conf"
mkdir -p "$work/run"
tool() { samba-tool "$@" -s "$work/dc/etc/smb.conf" -H "$work/dc/private/sam.ldb" >>"$work/tool.log" 2>&1 || { tail -n 5 "$work/tool.log"; die "samba-tool $1 $2 failed"; }; }
tool user create alice 'Passw0rd!a'
tool user create front 'Passw0rd!f'
samba-tool spn add HTTP/localhost front -s "$work/dc/etc/smb.conf" -H "$work/dc/private/sam.ldb" >>"$work/tool.log" 2>&1
samba-tool domain exportkeytab "$work/http.keytab" --principal=HTTP/localhost -s "$work/dc/etc/smb.conf" >>"$work/tool.log" 2>&1
chmod 644 "$work/http.keytab"
samba -i --debug-stdout -M single -s "$work/dc/etc/smb.conf" >"$work/samba.log" 2>&1 &
pids+=($!)
cat >"$work/krb5.conf" <<END
[libdefaults]
 default_realm = ARCH.TEST
 dns_lookup_kdc = false
 dns_lookup_realm = false
 rdns = false
[realms]
 ARCH.TEST = {
  kdc = 127.0.0.1
 }
END
export KRB5_CONFIG=$work/krb5.conf
for try in $(seq 150); do
  echo 'Passw0rd!a' | KRB5CCNAME="FILE:$work/probe" kinit alice >"$work/kinit.log" 2>&1 && break
  [ "$try" = 150 ] && { tail -n 20 "$work/samba.log" "$work/kinit.log"; die 'the domain controller does not answer'; }
  sleep 0.2
done

say 'A front that demands a sign-in'
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj '/CN=localhost' -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' \
  -keyout "$work/key.pem" -out "$work/certificate.pem" 2>/dev/null
node server.mjs --listen 127.0.0.1:9443 --ready-file "$work/double.json" --synthetic '{"mailboxes":1,"messages":30,"mean_bytes":2000}' >"$work/double.log" 2>&1 &
pids+=($!)
until [ -s "$work/double.json" ]; do sleep 0.1; done
modules=/usr/lib/apache2/modules
front() { # PORT NAME DIRECTIVES
  cat >"$work/$2.conf" <<END
ServerRoot $work
ServerName localhost
PidFile $work/$2.pid
ErrorLog $work/$2.error.log
Listen 127.0.0.1:$1
User www-data
Group www-data
$(for module in mpm_event authn_core authz_core authz_user ssl socache_shmcb headers proxy proxy_http auth_gssapi; do echo "LoadModule ${module}_module $modules/mod_$module.so"; done)
SSLEngine on
SSLCertificateFile $work/certificate.pem
SSLCertificateKeyFile $work/key.pem
SSLProxyEngine on
SSLProxyVerify none
SSLProxyCheckPeerName off
KeepAlive On
MaxKeepAliveRequests 0
<Location /EWS>
  AuthType GSSAPI
  $3
  Require valid-user
  RequestHeader set Authorization "Basic $(printf '%s' "$(jq -r '.username + ":" + .password' "$work/double.json")" | base64 -w0)"
  ProxyPass https://127.0.0.1:9443/EWS
</Location>
END
  KRB5_KTNAME=$work/http.keytab apache2 -f "$work/$2.conf" -DFOREGROUND >"$work/$2.log" 2>&1 &
  pids+=($!)
  for _ in $(seq 100); do curl -sk "https://localhost:$1/" -o /dev/null && return; sleep 0.1; done
  cat "$work/$2.log" "$work/$2.error.log" 2>/dev/null; die "Apache for $2 does not start"
}
front 9001 kerberos "GssapiCredStore keytab:$work/http.keytab
  GssapiAllowedMech krb5"

say 'Through the daemon'
SIGNIN_WORK=$work node --test "$root/tests/faults/signin.test.mjs" || { tail -n 5 "$work"/*.error.log; exit 1; }
