// A small store that is frozen once for each released format, and everything it says through the public interface.
//
// `kopial_freeze FOLDER` makes one of the present format: FOLDER/store and FOLDER/answers.txt. Those of earlier formats lie in
// tests/storage/data/format-N and are never made again: they are what a version of that time left on the disk.
#pragma once

#include <filesystem>
#include <string>

#include "storage/tenant_store.h"

namespace kopial {

Secret frozen_key();
// The project's sample mail in two archives, and what else a store may hold: an attachment, two copies of one message, items that
// moved and vanished, cursors, quarantined bytes, records.
Result<void> fill_frozen_store(TenantStore& store, const std::filesystem::path& sample_mail);
// All of it as text: what a migrated store must still answer. Every message's bytes are in it as their SHA-256.
std::string answers_of(TenantStore& store);

}  // namespace kopial
