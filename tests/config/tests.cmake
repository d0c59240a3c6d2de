kopial_tests(config_tests SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/config/settings_test.cc LIBRARIES kopial_config)
