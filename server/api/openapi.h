#pragma once

#include <string_view>

namespace kopial {

// The OpenAPI 3.1 document of the REST interface.
std::string_view openapi_document();

}  // namespace kopial
