kopial_tests(storage_tests
  SOURCES
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/faulty_disk.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/mail/shared_corpus.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/backup_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/copy_reader_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/database_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/durability_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/erasure_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/pack_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/recipe_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/round_trip_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/system_store_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/tenant_store_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/transfer_form_test.cc
  LIBRARIES kopial_storage RocksDB::rocksdb-shared PkgConfig::ZSTD)
