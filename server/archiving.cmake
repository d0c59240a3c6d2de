set(KOPIAL_SERVER_ARCHIVING
  api/import.cc api/profiles.cc
  archiving/credentials.cc archiving/cron.cc archiving/graph_run.cc archiving/live_run.cc archiving/profiles.cc archiving/run_record.cc
  archiving/run_service.cc archiving/store_sink.cc)
