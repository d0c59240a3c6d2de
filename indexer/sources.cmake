add_library(kopial_indexer STATIC
  document.cc html_text.cc index.cc query.cc query_builder.cc query_range.cc shard.cc shard_search.cc snippet.cc stems.cc terms.cc
  words.cc xapian_error.cc)
target_link_libraries(kopial_indexer PUBLIC kopial_storage PRIVATE kopial_mail PkgConfig::XAPIAN PkgConfig::LIBXML2 ICU::uc spdlog::spdlog
                      fmt::fmt)
kopial_target(kopial_indexer)
