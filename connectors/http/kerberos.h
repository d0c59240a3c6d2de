// Kerberos tickets got with a password, for servers that are signed in to with Negotiate.
#pragma once

#include "connectors/http/client.h"

namespace kopial {

// Makes this user's ticket the one that GSSAPI takes on the calling thread; gets one, or another one when it is about to end. An empty
// user name leaves the choice to the environment (a keytab, or tickets that somebody else renews).
// Fails with denied (the realm's own words) and unavailable (no realm or no KDC for it: see /etc/krb5.conf).
Result<void> use_kerberos_ticket(const HttpSignIn& who);

}  // namespace kopial
