set(KOPIAL_SERVER_SEARCH api/html_sanitizer.cc api/messages.cc api/search.cc api/views.cc)
