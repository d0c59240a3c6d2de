# Asio and Beast live behind server/http and are compiled once, with their headers precompiled.
add_library(kopial_http STATIC http/asio_impl.cc http/byte_range.cc http/message.cc http/server.cc http/wire.cc)
target_link_libraries(kopial_http PUBLIC kopial_base PRIVATE kopial_crypto Boost::json OpenSSL::SSL Threads::Threads)
target_precompile_headers(kopial_http PRIVATE http/asio.h)
set_source_files_properties(http/byte_range.cc http/message.cc PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
kopial_target(kopial_http)

# The OpenAPI document is part of the program: what it serves is what it was built with.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/api/openapi.json)
file(READ api/openapi.json KOPIAL_OPENAPI)
configure_file(api/openapi.cc.in ${CMAKE_CURRENT_BINARY_DIR}/openapi.cc @ONLY)

set(KOPIAL_SERVER_CORE
  app.cc first_start.cc tenants.cc
  api/api.cc api/archives.cc api/care.cc api/erasures.cc care/care_service.cc care/notary.cc care/restoring.cc compliance/erasures.cc api/credentials.cc api/directories.cc api/evidence.cc api/grants.cc api/identity.cc api/idempotency.cc api/json.cc api/passkeys.cc api/sessions.cc api/system.cc api/tenants.cc
  api/tokens.cc api/users.cc ${CMAKE_CURRENT_BINARY_DIR}/openapi.cc
  monitoring/metrics.cc
  people/access.cc people/audit.cc people/back_off.cc people/directories.cc people/directory_config.cc people/grants.cc people/identity_providers.cc people/passkeys.cc people/second_factor.cc people/people_store.cc people/person.cc people/reconcile.cc people/sessions.cc people/users.cc people/webauthn.cc)
