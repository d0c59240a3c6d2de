kopial_tests(mail_tests
  SOURCES
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/mail/shared_corpus.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/mail/charset_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/mail/compose_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/mail/corpus_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/mail/header_text_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/mail/journal_report_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/mail/message_view_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/mail/parameters_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/mail/structure_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/mail/transfer_test.cc
  LIBRARIES kopial_mail PkgConfig::ZSTD PkgConfig::GMIME)
