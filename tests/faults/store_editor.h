// Somebody with the database in his hands and the tenant's key, who knows the format as well as we do, and who does not have the
// history of signatures: he changes what he wants to and puts everything else that he can reach in order.
//
// Each edit is one seeded random change of its class, made as one batch on an open database, and can be taken back.
#pragma once

#include <rocksdb/write_batch.h>

#include <random>
#include <string>
#include <vector>

#include "storage/blob_coder.h"
#include "storage/database.h"
#include "storage/layout.h"
#include "storage/part_store.h"
#include "storage/values.h"

namespace kopial {

enum class EditClass {
  body,            // a byte of a message's body, in place
  body_thorough,   // the same, and the copy gets the name that its new bytes have, everywhere
  header,          // a byte of a header
  subject,         // in the message's row: what lists and searches show
  date,            // when it was received, in both rows
  archived,        // when it was archived
  sender,
  order,           // two changes change places
  deletion,        // a message with everything that names it, and the totals put right
  placement_gone,  // a placement, and the counts put right
  placement_moved, // into another folder
  insertion,       // a message that never came, with leaf, tiles and root made anew
  placement_added, // a known message into a folder where it never lay
  folder_name,
  audit_changed,   // an audit event says something else
  audit_gone,      // an audit event is dropped, and the leaves after it move up
  redaction,       // a leaf loses its content as after an erasure
  seen,            // what a source said, so that a later run believes it has a message
  cursor,          // a source continues somewhere else
  quarantine,      // bytes or reason of a quarantined item
  record,          // a grant that nobody gave, one that is gone, or one that says something else
  totals,          // the counts of an archive or a folder
  tile,            // a hash in a tile
  rollback,        // the newest leaves are cut off, and the root put right
  count
};
std::string_view to_string(EditClass what);

// For one thread at a time.
class StoreEditor {
 public:
  StoreEditor(Database& database, const Secret& key, std::uint64_t seed);

  // Makes one edit and says what it did; "" when the store has nothing for an edit of this class.
  std::string edit(EditClass what);
  // Puts back what the last edit found.
  void undo();

 private:
  struct Row {
    Bytes key, value;
  };
  std::vector<Row> all(Family family) const;
  std::optional<Row> any(Family family);  // a random row
  template <typename Wanted>
  std::optional<Row> any(Family family, Wanted wanted);
  std::size_t below(std::size_t limit) { return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_); }
  void put(Family family, BytesView key, BytesView value);
  void remove(Family family, BytesView key);
  bool apply();
  Bytes flipped(Bytes bytes, std::size_t from, std::size_t to);
  State state() const;

  std::string copy_bytes(bool thorough, bool header);
  std::string message_row(EditClass what);
  std::string place(EditClass what);
  std::string record();
  std::string delete_message();
  std::string insert_message();
  std::string swap_changes();
  std::string audit(bool drop);
  void remake_tree(State now, std::vector<std::pair<Family, Row>> entries);
  Bytes raw_of(const CopyValue& copy);
  void drop_pieces(BlobKind kind, const PieceSet& pieces);
  void set_recipe(const CopyId& id, CopyValue value, BytesView raw);
  void release_parts(const CopyValue& copy);
  void change_totals(const PlaceKey& place, int messages, std::int64_t bytes);

  Database& database_;
  const Names names_;
  const Secret key_;
  BlobCoder coder_;
  PackStore packs_;
  const PartStore parts_;
  std::mt19937_64 random_;
  rocksdb::WriteBatch batch_;
  struct Undo {
    Family family{};
    Bytes key;
    std::optional<Bytes> value;
  };
  std::vector<Undo> undo_;
};

}  // namespace kopial
