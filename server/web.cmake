# The browser application: npm builds it into ${CMAKE_BINARY_DIR}/web whenever one of its sources has changed.
find_program(KOPIAL_NPM npm)
if(NOT KOPIAL_NPM)
  message(FATAL_ERROR "npm is missing: install it, or configure with -DKOPIAL_WEB=OFF to leave out the browser application")
endif()
file(GLOB_RECURSE web_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/web/src/* ${CMAKE_CURRENT_SOURCE_DIR}/web/public/*)
set(web_stamp ${CMAKE_BINARY_DIR}/web.stamp)
add_custom_command(
  OUTPUT ${web_stamp}
  COMMAND ${KOPIAL_NPM} ci --no-audit --no-fund --silent
  COMMAND ${CMAKE_COMMAND} -E env KOPIAL_WEB_OUT=${CMAKE_BINARY_DIR}/web ${KOPIAL_NPM} run --silent build
  COMMAND ${CMAKE_COMMAND} -E touch ${web_stamp}
  WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}/web
  DEPENDS ${web_sources} ${CMAKE_CURRENT_SOURCE_DIR}/web/package.json ${CMAKE_CURRENT_SOURCE_DIR}/web/package-lock.json
          ${CMAKE_CURRENT_SOURCE_DIR}/web/index.html ${CMAKE_CURRENT_SOURCE_DIR}/api/openapi.json
  COMMENT "Building the browser application"
  USES_TERMINAL)
add_custom_target(kopial_web ALL DEPENDS ${web_stamp})
