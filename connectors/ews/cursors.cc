#include "connectors/ews/cursors.h"

#include <boost/json.hpp>
#include <optional>

#include "storage/base/json_fields.h"

namespace kopial::ews {
namespace json = boost::json;
namespace {

constexpr std::int64_t kVersion = 1;

std::int64_t number(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_int64() ? value->get_int64() : 0;
}
const json::object* section(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value == nullptr ? nullptr : value->if_object();
}

// nullopt for another version or no JSON.
std::optional<json::object> read(const std::string& cursor) {
  json::error_code bad;
  auto value = json::parse(cursor, bad);
  if (bad || !value.is_object() || number(value.get_object(), "v") != kVersion) return std::nullopt;
  return std::move(value.get_object());
}

}  // namespace

std::string encode(const TreeCursor& cursor) {
  json::object roots, folders, known;
  for (const auto& [name, root] : cursor.roots) roots[name] = json::object{{"id", root.id}, {"state", root.state}};
  for (const auto& [id, folder] : cursor.folders) {
    json::object one{{"n", folder.name}, {"p", folder.parent}, {"k", folder.kind}, {"r", folder.root}};
    if (folder.virtual_folder) one["s"] = true;
    folders[id] = std::move(one);
  }
  for (const auto& [name, id] : cursor.well_known) known[name] = id;
  return json::serialize(json::object{{"v", kVersion}, {"roots", std::move(roots)}, {"folders", std::move(folders)}, {"known", std::move(known)}, {"asked", cursor.names_asked_at}});
}

TreeCursor decode_tree_cursor(const std::string& encoded) {
  TreeCursor cursor;
  const auto object = read(encoded);
  if (!object) return cursor;
  if (const auto* roots = section(*object, "roots")) {
    for (const auto& [name, value] : *roots) {
      if (const auto* one = value.if_object()) cursor.roots[name] = {text(*one, "id"), text(*one, "state")};
    }
  }
  if (const auto* folders = section(*object, "folders")) {
    for (const auto& [id, value] : *folders) {
      if (const auto* one = value.if_object()) cursor.folders[id] = {text(*one, "n"), text(*one, "p"), text(*one, "k"), text(*one, "r"), flag(*one, "s")};
    }
  }
  if (const auto* known = section(*object, "known")) {
    for (const auto& [name, value] : *known) {
      if (value.is_string()) cursor.well_known[name] = value.get_string();
    }
  }
  cursor.names_asked_at = number(*object, "asked");
  return cursor;
}

std::string encode(const FolderCursor& cursor) {
  json::array missing;
  for (const auto& item : cursor.missing) missing.push_back(json::array{json::string(item.id), json::string(item.change_key), json::string(item.received), item.size});
  return json::serialize(json::object{{"v", kVersion}, {"state", cursor.state}, {"done", cursor.finished}, {"comparing", cursor.comparing}, {"missing", std::move(missing)},
                                      {"watermark", cursor.watermark}, {"compared", cursor.compared_at}});
}

FolderCursor decode_folder_cursor(const std::string& encoded) {
  FolderCursor cursor;
  const auto object = read(encoded);
  if (!object) return cursor;
  cursor.state = text(*object, "state");
  cursor.finished = flag(*object, "done");
  cursor.comparing = flag(*object, "comparing");
  cursor.watermark = text(*object, "watermark");
  cursor.compared_at = number(*object, "compared");
  const auto* missing = object->if_contains("missing");
  if (missing == nullptr || !missing->is_array()) return cursor;
  for (const auto& value : missing->get_array()) {
    const auto* row = value.if_array();
    if (row == nullptr || row->size() != 4 || !(*row)[0].is_string() || !(*row)[1].is_string() || !(*row)[2].is_string() || !(*row)[3].is_int64()) continue;
    cursor.missing.push_back({(*row)[0].get_string().c_str(), (*row)[1].get_string().c_str(), (*row)[2].get_string().c_str(), static_cast<std::uint64_t>((*row)[3].get_int64())});
  }
  return cursor;
}

}  // namespace kopial::ews
