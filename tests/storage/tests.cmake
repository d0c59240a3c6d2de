kopial_tests(storage_tests
  SOURCES
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/system_store_test.cc
  LIBRARIES kopial_storage RocksDB::rocksdb-shared)
