set(KOPIAL_MAIL_SOURCES charset.cc classify.cc compose.cc header_text.cc identity.cc journal_report.cc parameters.cc structure.cc summary.cc transfer.cc)
