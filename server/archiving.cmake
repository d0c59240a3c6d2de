set(KOPIAL_SERVER_ARCHIVING
  api/import.cc api/profiles.cc
  archiving/credentials.cc archiving/cron.cc archiving/journal_placer.cc archiving/live_run.cc archiving/open_source.cc archiving/profile_run.cc archiving/profiles.cc archiving/run_record.cc
  archiving/run_service.cc archiving/store_sink.cc)
