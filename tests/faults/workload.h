// What the fault tests do to a tenant's store and its index, what they were told about it, and whether that was true.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "indexer/index.h"
#include "storage/tenant_store.h"

namespace kopial::faults {

// A letter is a number: its bytes, its item, its archive and folder follow from it. Letters share attachments, and every seventh is
// another download of the letter before, with other boundaries.
Bytes letter(std::uint64_t number);
Intake intake_of(std::uint64_t number);
SeenKey item_of(std::uint64_t number);

// How a deed stands, as far as anybody was told.
enum class Told : std::uint8_t { nothing, tried, done };
struct Fate {
  Told archived = Told::nothing, erased = Told::nothing;
};
// What was tried and acknowledged. One line a deed on the wire: "a 17" is tried, "A 17" acknowledged; 'e' and 'E' likewise for erasures.
class Ledger {
 public:
  void note(char deed, std::uint64_t number);
  void read(const std::string& lines);  // a last line without its end was cut off by a kill, and was not said
  const std::map<std::uint64_t, Fate>& fates() const { return fates_; }
  std::uint64_t acknowledged() const { return acknowledged_; }

 private:
  std::map<std::uint64_t, Fate> fates_;
  std::uint64_t acknowledged_ = 0;
};

struct Opened {
  std::unique_ptr<TenantStore> store;
  std::unique_ptr<Index> index;  // Goes first.
};
Result<Opened> open(const std::filesystem::path& folder);
std::filesystem::path backups_of(const std::filesystem::path& folder);
void initialise();

// Compares a store after a restart with what was said: sentences, empty when all is as promised: nothing acknowledged is lost, nothing is
// there twice, what is there is whole, the change log has no gap, and the index catches up and agrees.
std::vector<std::string> compare(Opened& opened, const Ledger& ledger);
// The backups that count, each of which must be whole.
std::vector<std::string> compare_backups(const std::filesystem::path& folder);

}  // namespace kopial::faults
