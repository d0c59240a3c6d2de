kopial_tests(connectors_tests
  SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/connectors/ews_test.cc ${CMAKE_CURRENT_SOURCE_DIR}/connectors/files_test.cc
          ${CMAKE_CURRENT_SOURCE_DIR}/connectors/mailbox_folders_test.cc ${CMAKE_CURRENT_SOURCE_DIR}/connectors/oauth_test.cc
          ${CMAKE_CURRENT_SOURCE_DIR}/connectors/request_gate_test.cc
  LIBRARIES kopial_connectors kopial_mail Boost::json)
