// What a closed store's families hold, as it stands on the disk, whatever form it is in.
#pragma once

#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "storage/base/bytes.h"

namespace kopial {

inline std::set<Bytes> stored_values(const std::filesystem::path& store, const std::set<std::string>& families) {
  std::vector<std::string> names;
  EXPECT_TRUE(rocksdb::DB::ListColumnFamilies({}, store.string(), &names).ok());
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (const auto& name : names) descriptors.emplace_back(name, rocksdb::ColumnFamilyOptions());
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* opened = nullptr;
  const auto status = rocksdb::DB::OpenForReadOnly({}, store.string(), descriptors, &handles, &opened);
  EXPECT_TRUE(status.ok()) << status.ToString();
  std::set<Bytes> values;
  if (!status.ok()) return values;
  const std::unique_ptr<rocksdb::DB> db(opened);
  for (auto* handle : handles) {
    if (families.contains(handle->GetName())) {
      const std::unique_ptr<rocksdb::Iterator> rows(db->NewIterator({}, handle));
      for (rows->SeekToFirst(); rows->Valid(); rows->Next()) values.insert(rows->value().ToString());
    }
    db->DestroyColumnFamilyHandle(handle);
  }
  return values;
}

}  // namespace kopial
