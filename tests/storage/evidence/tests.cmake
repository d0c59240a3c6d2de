kopial_tests(evidence_tests
  SOURCES
    ${CMAKE_CURRENT_SOURCE_DIR}/faults/store_editor.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/faulty_disk.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/frozen_store.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/evidence/anchor_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/evidence/beginning_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/evidence/log_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/evidence/merkle_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/evidence/note_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/evidence/timestamps_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/evidence/verify_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/evidence/witness_test.cc
  LIBRARIES kopial_storage RocksDB::rocksdb-shared)
