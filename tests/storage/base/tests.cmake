kopial_tests(base_tests
  SOURCES
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/base/bounded_queue_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/base/clock_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/base/encoding_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/base/files_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/base/log_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/base/result_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/base/secret_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/base/worker_pool_test.cc
  LIBRARIES kopial_base Boost::json)
