kopial_tests(notary_tests
  SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/storage/faulty_disk.cc ${CMAKE_CURRENT_SOURCE_DIR}/server/notary_test.cc
  LIBRARIES kopial_server RocksDB::rocksdb-shared)
kopial_tests(http_tests SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/server/byte_range_test.cc LIBRARIES kopial_http)
kopial_tests(archiving_tests SOURCES server/archiving/blocked_times_test.cc LIBRARIES kopial_server)
