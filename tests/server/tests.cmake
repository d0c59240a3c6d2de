kopial_tests(http_tests SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/server/byte_range_test.cc LIBRARIES kopial_http)
