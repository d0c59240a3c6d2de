add_library(kopial_connectors STATIC
  directory/csv.cc directory/entra.cc directory/entry.cc directory/ldap_client.cc directory/ldap_directory.cc
  ews/actions.cc ews/autodiscover.cc ews/connector.cc ews/cursors.cc ews/fetcher.cc ews/folder_find.cc ews/folder_sync.cc
  ews/folder_tree.cc ews/item_pages.cc ews/mailbox_listing.cc ews/mailbox_pull.cc ews/public_folders.cc ews/requests.cc ews/service.cc ews/xml.cc
  files/maildir.cc files/mbox.cc files/reader.cc
  graph/actions.cc graph/application_check.cc graph/connector.cc graph/cursors.cc graph/folder_pull.cc graph/folder_tree.cc graph/item_fetch.cc graph/mailbox_listing.cc
  graph/mailbox_pull.cc graph/service.cc
  http/client.cc http/host_list.cc http/kerberos.cc http/request_gate.cc http/retry.cc http/url.cc
  mailbox_folders.cc oauth/client_certificate.cc oauth/client_credentials.cc oauth/openid.cc)
target_link_libraries(kopial_connectors PUBLIC kopial_base PRIVATE kopial_mail kopial_crypto CURL::libcurl Boost::json PkgConfig::LIBXML2 PkgConfig::KRB5 PkgConfig::LDAP PkgConfig::CJOSE)
kopial_target(kopial_connectors)
