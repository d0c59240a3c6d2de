// How a session is handed out: a token to programs, a cookie that no script can read to browsers.
#pragma once

#include "server/api/api.h"
#include "server/people/sessions.h"

namespace kopial {

http::Response session_answer(const ApiCall& call, const SessionGrant& grant);
std::string session_cookie(const SessionGrant& grant);  // the value of set-cookie

}  // namespace kopial
