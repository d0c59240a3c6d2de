add_library(kopial_cli STATIC
  cli/administration.cc cli/care.cc cli/client.cc cli/evidence.cc cli/import.cc cli/mail.cc cli/people.cc cli/runs.cc cli/session.cc cli/setup.cc cli/source.cc cli/state.cc cli/terminal.cc)
target_link_libraries(kopial_cli PUBLIC kopial_connectors kopial_config Boost::json CLI11::CLI11 PRIVATE kopial_server ICU::uc fmt::fmt)
kopial_target(kopial_cli)
add_executable(kopial cli/kopial.cc)
target_link_libraries(kopial PRIVATE kopial_cli)
target_compile_definitions(kopial PRIVATE KOPIAL_VERSION="${PROJECT_VERSION}")
set_target_properties(kopial PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
kopial_target(kopial)
