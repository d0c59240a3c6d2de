#pragma once

#include <boost/json.hpp>

#include "server/people/users.h"

namespace kopial {

// A user as the API shows him; never his password or code.
boost::json::object user_view(const User& user);

}  // namespace kopial
