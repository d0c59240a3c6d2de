kopial_tests(indexer_tests
  SOURCES
    ${CMAKE_CURRENT_SOURCE_DIR}/indexer/words_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/indexer/html_text_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/indexer/query_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/indexer/snippet_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/indexer/index_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/indexer/index_recovery_test.cc
  LIBRARIES kopial_indexer kopial_mail)
