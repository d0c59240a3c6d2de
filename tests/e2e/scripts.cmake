# Tests that are scripts: the double's own and its proof by strangers' clients, the browser application's, and the quickstart.
set(environment "KOPIAL_BUILD=${CMAKE_BINARY_DIR}")
add_test(NAME m365_double COMMAND ${CMAKE_SOURCE_DIR}/tests/doubles/m365/run-tests.sh)
set_tests_properties(m365_double PROPERTIES TIMEOUT 600)
if(KOPIAL_WEB)
  add_test(NAME web_check COMMAND npm run check WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}/server/web)
  add_test(NAME web_browser COMMAND ${CMAKE_SOURCE_DIR}/tests/e2e/browser.sh)
  add_test(NAME quickstart COMMAND ${CMAKE_SOURCE_DIR}/tests/e2e/quickstart_test.sh)
  set_tests_properties(web_check web_browser quickstart PROPERTIES TIMEOUT 900 ENVIRONMENT "${environment}")
  # Both start daemons and a build; one at a time keeps two cores honest.
  set_tests_properties(web_browser quickstart PROPERTIES RESOURCE_LOCK daemon_scripts)
endif()
# The daemon as a process: its REST interface, and what it does when the source or the machine fails.
if(TARGET kopiald AND TARGET kopial)
  add_test(NAME server_api COMMAND node --test ${CMAKE_SOURCE_DIR}/tests/server/api.test.mjs)
  add_test(NAME faults_runs COMMAND node --test ${CMAKE_SOURCE_DIR}/tests/faults/runs.test.mjs)
  set_tests_properties(server_api faults_runs PROPERTIES TIMEOUT 900 ENVIRONMENT "${environment}")
endif()
add_test(NAME includes COMMAND ${CMAKE_SOURCE_DIR}/tests/support/includes_test.sh ${CMAKE_SOURCE_DIR})
