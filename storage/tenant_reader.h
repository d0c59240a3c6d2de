// The reading half of a tenant's store. Everything here works on what is durable and takes no lock of ours.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "storage/blob_coder.h"
#include "storage/database.h"
#include "storage/layout.h"
#include "storage/stored_copy.h"
#include "storage/values.h"

namespace kopial {

// Thread-safe.
class TenantReader {
 public:
  TenantReader(const Database& database, const Names& names, const BlobCoder& coder, const PartStore& parts, const PackStore& packs)
      : database_(database), names_(names), coder_(coder), parts_(parts), packs_(packs) {}

  Result<std::optional<Bytes>> raw(const CopyId& copy) const;
  Result<std::unique_ptr<CopyReader>> open_copy(const CopyId& copy) const;
  Result<std::optional<Serial>> serial_of(const CopyId& copy) const;
  Result<std::vector<MessageRecord>> messages(std::span<const Serial> serials) const;
  Result<std::vector<Placement>> placements(Serial serial) const;
  Result<std::optional<SeenValue>> seen(const SeenKey& key) const;
  Result<std::vector<std::string>> seen_items(ProfileId profile, const std::string& mailbox, const std::string& folder,
                                              const std::string& after, std::size_t limit) const;
  Result<std::string> cursor(const CursorKey& key) const;
  Result<std::vector<Change>> changes(Sequence after, std::size_t limit) const;
  Result<TenantStore::Page> browse(ArchiveId archive, const std::string& folder, const std::string& after,
                                   std::size_t limit) const;
  Result<std::vector<FolderCount>> folders(ArchiveId archive) const;
  Result<ArchiveTotals> totals(ArchiveId archive) const;
  Result<std::vector<TenantStore::QuarantineEntry>> quarantine(const std::string& after_id, std::size_t limit) const;
  Result<std::optional<TenantStore::QuarantineEntry>> quarantined(const std::string& id) const;

  Result<std::vector<TenantStore::AuditRow>> audit(std::uint64_t from, std::size_t limit) const;

  // The raw bytes a row of kCopies stands for, not yet compared with their name.
  Result<Bytes> rebuild_copy(const CopyValue& copy, const PartSource& parts) const;
  Result<Bytes> part(const PartKey& key) const;
  Result<std::shared_ptr<const Pack>> pack(std::uint64_t number) const { return packs_.pack(number); }
  Result<Recipe> recipe(const CopyValue& copy) const;

 private:
  struct NumberedFolder {
    FolderNumber number{};
    FolderValue value;
  };
  Result<std::optional<FolderNumber>> folder_number(ArchiveId archive, const std::string& path) const;
  Result<std::vector<NumberedFolder>> numbered_folders(ArchiveId archive) const;
  template <typename Value>
  Result<std::optional<Value>> read(Family family, BytesView key, std::optional<Value> (*decode)(BytesView)) const;

  const Database& database_;
  const Names& names_;
  const BlobCoder& coder_;
  const PartStore& parts_;
  const PackStore& packs_;
  mutable VerifiedCopies verified_;
};

}  // namespace kopial
