# The targets: replayed by every build, and one libFuzzer program each in the `fuzz` preset.
set(fuzz_sources ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/targets.cc)
# The sanitizer is the one file of the server that reads hostile bytes; the rest of the server is not wanted here.
list(APPEND fuzz_sources ${CMAKE_SOURCE_DIR}/server/api/html_sanitizer.cc)
set(fuzz_libraries kopial_indexer kopial_connectors kopial_mail PkgConfig::LIBXML2)
kopial_tests(fuzz_tests
  SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/replay_test.cc ${CMAKE_CURRENT_SOURCE_DIR}/storage/mail/shared_corpus.cc ${fuzz_sources}
  LIBRARIES ${fuzz_libraries} PkgConfig::ZSTD)
if(KOPIAL_FUZZ)
  foreach(target structure message stored_form recipe header_text transfer query html_text sanitizer web)
    add_executable(fuzz_${target} ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/fuzz_main.cc ${fuzz_sources})
    target_compile_definitions(fuzz_${target} PRIVATE KOPIAL_FUZZ_TARGET="${target}")
    target_link_libraries(fuzz_${target} PRIVATE ${fuzz_libraries} fmt::fmt)
    target_link_options(fuzz_${target} PRIVATE -fsanitize=fuzzer)
    kopial_target(fuzz_${target})
  endforeach()
endif()
