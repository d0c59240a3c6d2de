# The bench's own programs: the generator of mail, and the search bench where notmuch's library is at hand (libnotmuch-dev).
find_package(ZLIB REQUIRED)
add_library(kopial_bench_mail STATIC
  bench/archives.cc bench/blocks.cc bench/content.cc bench/corporate.cc bench/corpus.cc bench/figures.cc bench/generated_set.cc
  bench/plan.cc bench/rewriter.cc bench/vocabulary.cc)
target_link_libraries(kopial_bench_mail PUBLIC kopial_mail PRIVATE PkgConfig::ZSTD ZLIB::ZLIB)
kopial_target(kopial_bench_mail)

add_executable(kopial_generate bench/generate.cc)
target_link_libraries(kopial_generate PRIVATE kopial_bench_mail CLI11::CLI11)
kopial_target(kopial_generate)
set_target_properties(kopial_generate PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

add_executable(kopial_store_bench bench/store_bench.cc bench/bound.cc bench/measuring.cc)
target_link_libraries(kopial_store_bench PRIVATE kopial_bench_mail kopial_storage RocksDB::rocksdb-shared PkgConfig::ZSTD CLI11::CLI11)
kopial_target(kopial_store_bench)
set_target_properties(kopial_store_bench PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

find_path(NOTMUCH_INCLUDE_DIR notmuch.h)
find_library(NOTMUCH_LIBRARY notmuch)
if(NOTMUCH_INCLUDE_DIR AND NOTMUCH_LIBRARY)
  add_executable(kopial_search_bench bench/search_bench.cc)
  target_include_directories(kopial_search_bench PRIVATE ${NOTMUCH_INCLUDE_DIR})
  target_link_libraries(kopial_search_bench PRIVATE CURL::libcurl CLI11::CLI11 Boost::json fmt::fmt ${NOTMUCH_LIBRARY})
  kopial_target(kopial_search_bench)
  set_target_properties(kopial_search_bench PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
else()
  message(STATUS "kopial_search_bench is left out: libnotmuch-dev is not installed")
endif()

kopial_tests(bench_generator_tests SOURCES bench/generate_test.cc LIBRARIES kopial_bench_mail)

add_executable(kopial_evidence_bench ${CMAKE_CURRENT_SOURCE_DIR}/bench/evidence_bench.cc)
target_link_libraries(kopial_evidence_bench PRIVATE kopial_storage RocksDB::rocksdb-shared fmt::fmt)
kopial_target(kopial_evidence_bench)
