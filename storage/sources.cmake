set(KOPIAL_STORAGE_SOURCES
  database.cc
  record_book.cc
  shared_budget.cc
  store_format.cc
  system_store.cc)
