set(KOPIAL_SERVER_ARCHIVING
  api/completeness.cc api/credential_check.cc api/import.cc api/journal.cc api/profiles.cc api/restores.cc
  archiving/after_archiving.cc archiving/blocked_times.cc archiving/completeness.cc archiving/connections.cc archiving/credentials.cc
  archiving/cron.cc archiving/journal_links.cc archiving/journal_placer.cc archiving/listed_mailboxes.cc archiving/live_run.cc archiving/mailbox_run.cc archiving/open_source.cc archiving/profile_run.cc archiving/profiles.cc
  archiving/reconciliation.cc archiving/restores.cc archiving/run_record.cc archiving/run_service.cc archiving/store_sink.cc)
