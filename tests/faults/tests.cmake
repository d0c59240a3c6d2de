add_executable(kopial_fault_child ${CMAKE_CURRENT_SOURCE_DIR}/faults/child.cc ${CMAKE_CURRENT_SOURCE_DIR}/faults/syncs.cc
               ${CMAKE_CURRENT_SOURCE_DIR}/faults/workload.cc)
target_link_libraries(kopial_fault_child PRIVATE kopial_indexer ${CMAKE_DL_LIBS})
target_link_options(kopial_fault_child PRIVATE -rdynamic)  # fsync of this program is that of its libraries
kopial_target(kopial_fault_child)

kopial_tests(faults_store
  SOURCES
    ${CMAKE_CURRENT_SOURCE_DIR}/faults/flips_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/faults/full_disk_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/faults/kills_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/faults/power_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/faults/process.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/faults/sync_errors_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/faults/syncs.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/faults/workload.cc
  LIBRARIES kopial_indexer ${CMAKE_DL_LIBS})
target_link_options(faults_store PRIVATE -rdynamic)
target_compile_definitions(faults_store PRIVATE KOPIAL_FAULT_CHILD="$<TARGET_FILE:kopial_fault_child>")
add_dependencies(faults_store kopial_fault_child)
