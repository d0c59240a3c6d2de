add_library(kopial_config STATIC settings.cc)
target_link_libraries(kopial_config PUBLIC kopial_base PRIVATE fmt::fmt)
kopial_target(kopial_config)
