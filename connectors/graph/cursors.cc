#include "connectors/graph/cursors.h"

#include <boost/json.hpp>

#include "connectors/graph/service.h"

namespace kopial::graph {
namespace json = boost::json;
namespace {

constexpr std::uint64_t kVersion = 1;

// nullopt for another version or no JSON.
std::optional<json::object> read(const std::string& text) {
  json::error_code bad;
  auto value = json::parse(text, bad);
  if (bad || !value.is_object() || number(value.get_object(), "v") != kVersion) return std::nullopt;
  return std::move(value.get_object());
}

}  // namespace

std::string encode(const TreeCursor& cursor) {
  json::object folders, known;
  for (const auto& [id, folder] : cursor.folders) {
    json::object one{{"n", folder.name}, {"p", folder.parent}};
    if (folder.hidden) one["h"] = true;
    if (folder.virtual_folder) one["s"] = true;
    if (folder.beside) one["b"] = true;
    folders[id] = std::move(one);
  }
  for (const auto& [name, id] : cursor.well_known) known[name] = id;
  return json::serialize(json::object{{"v", kVersion}, {"root", cursor.root}, {"delta", cursor.delta}, {"folders", std::move(folders)},
                                      {"known", std::move(known)}, {"hidden", cursor.hidden_looked_at}});
}

TreeCursor decode_tree_cursor(const std::string& text_of_cursor) {
  TreeCursor cursor;
  const auto object = read(text_of_cursor);
  if (!object) return cursor;
  cursor.root = text(*object, "root");
  cursor.delta = text(*object, "delta");
  cursor.hidden_looked_at = static_cast<std::int64_t>(number(*object, "hidden"));
  if (const auto* folders = object->if_contains("folders"); folders != nullptr && folders->is_object()) {
    for (const auto& [id, value] : folders->get_object()) {
      if (!value.is_object()) continue;
      const auto& one = value.get_object();
      cursor.folders[id] = {text(one, "n"), text(one, "p"), flag(one, "h"), flag(one, "s"), 0, flag(one, "b")};
    }
  }
  if (const auto* known = object->if_contains("known"); known != nullptr && known->is_object()) {
    for (const auto& [name, value] : known->get_object()) {
      if (value.is_string()) cursor.well_known[name] = value.get_string();
    }
  }
  return cursor;
}

std::string encode(const FolderCursor& cursor) {
  json::array missing;
  for (const auto& item : cursor.missing) missing.push_back(json::array{json::string(item.id), json::string(item.received)});
  return json::serialize(json::object{{"v", kVersion}, {"link", cursor.link}, {"done", cursor.finished}, {"comparing", cursor.comparing}, {"missing", std::move(missing)}});
}

FolderCursor decode_folder_cursor(const std::string& text_of_cursor) {
  FolderCursor cursor;
  const auto object = read(text_of_cursor);
  if (!object) return cursor;
  cursor.link = text(*object, "link");
  cursor.finished = flag(*object, "done");
  cursor.comparing = flag(*object, "comparing");
  if (const auto* missing = list(*object, "missing")) {
    for (const auto& value : *missing) {
      if (!value.is_array() || value.get_array().size() != 2) continue;
      const auto& pair = value.get_array();
      if (pair[0].is_string() && pair[1].is_string()) cursor.missing.push_back({pair[0].get_string().c_str(), pair[1].get_string().c_str()});
    }
  }
  return cursor;
}

}  // namespace kopial::graph
