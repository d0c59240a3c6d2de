kopial_tests(people_tests
  SOURCES
    ${CMAKE_CURRENT_SOURCE_DIR}/server/people/life_cycle_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/server/people/password_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/server/people/reconcile_test.cc
  LIBRARIES kopial_server)
