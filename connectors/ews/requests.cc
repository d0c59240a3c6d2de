#include "connectors/ews/requests.h"

#include <fmt/format.h>

#include "connectors/ews/xml.h"

namespace kopial::ews {
namespace {

void write_folder(Writer& writer, const FolderRef& folder) {
  if (!folder.id.empty()) {
    writer.open("t:FolderId").attribute("Id", folder.id).close();
    return;
  }
  writer.open("t:DistinguishedFolderId").attribute("Id", folder.distinguished);
  if (!folder.mailbox.empty()) writer.open("t:Mailbox").element("t:EmailAddress", folder.mailbox).close();
  writer.close();
}

void write_field(Writer& writer, std::string_view name) { writer.open("t:FieldURI").attribute("FieldURI", name).close(); }

void write_fields(Writer& writer, std::initializer_list<std::string_view> names) {
  writer.open("t:AdditionalProperties");
  for (const auto name : names) write_field(writer, name);
  writer.close();
}

void write_folder_shape(Writer& writer) {
  writer.open("m:FolderShape").element("t:BaseShape", "IdOnly");
  write_fields(writer, {"folder:ParentFolderId", "folder:DisplayName", "folder:FolderClass", "folder:TotalCount"});
  writer.close();
}

// Columns of a folder's table, so nothing is opened for them: the time decides whether an item is wanted, the size how many are fetched at
// once, and only a draft's bytes change.
void write_item_shape(Writer& writer) {
  writer.open("m:ItemShape").element("t:BaseShape", "IdOnly");
  write_fields(writer, {"item:ItemClass", "item:DateTimeReceived", "item:Size", "item:IsDraft", "item:LastModifiedTime", "item:Flag", "message:IsRead"});
  writer.close();
}

void write_item(Writer& writer, const ItemRef& item) {
  writer.open("t:ItemId").attribute("Id", item.id);
  if (!item.change_key.empty()) writer.attribute("ChangeKey", item.change_key);
  writer.close();
}

void write_property(Writer& writer, const char* tag, const char* type, std::string_view value) {
  writer.open("t:ExtendedProperty").open("t:ExtendedFieldURI").attribute("PropertyTag", tag).attribute("PropertyType", type).close();
  writer.element("t:Value", value).close();
}

// By it a message that was put back is found again.
void write_marker(Writer& writer) {
  writer.open("t:ExtendedFieldURI").attribute("PropertySetId", "6f1d2c0a-93f5-4c55-9b0e-7a4a5d2f8e31").attribute("PropertyName", "KopialRestore").attribute("PropertyType", "String").close();
}

}  // namespace

FolderRef folder_by_id(std::string id) { return {std::move(id), "", ""}; }
FolderRef folder_by_name(std::string distinguished, std::string mailbox) { return {"", std::move(distinguished), std::move(mailbox)}; }

std::string get_folders(std::span<const FolderRef> folders) {
  Writer writer;
  writer.open("m:GetFolder");
  write_folder_shape(writer);
  writer.open("m:FolderIds");
  for (const auto& folder : folders) write_folder(writer, folder);
  writer.close().close();
  return writer.take();
}

std::string sync_folder_hierarchy(const FolderRef& root, const std::string& state) {
  Writer writer;
  writer.open("m:SyncFolderHierarchy");
  write_folder_shape(writer);
  writer.open("m:SyncFolderId");
  write_folder(writer, root);
  writer.close();
  if (!state.empty()) writer.element("m:SyncState", state);
  writer.close();
  return writer.take();
}

std::string find_folders(const FolderRef& parent, std::size_t offset, std::size_t limit) {
  Writer writer;
  writer.open("m:FindFolder").attribute("Traversal", "Shallow").open("m:FolderShape").element("t:BaseShape", "IdOnly").open("t:AdditionalProperties");
  for (const auto* name : {"folder:ParentFolderId", "folder:DisplayName", "folder:FolderClass", "folder:TotalCount", "folder:ChildFolderCount"}) write_field(writer, name);
  // PR_REPLICA_LIST: which mailbox holds a public folder's items.
  writer.open("t:ExtendedFieldURI").attribute("PropertyTag", "0x6698").attribute("PropertyType", "Binary").close();
  writer.close().close();
  writer.open("m:IndexedPageFolderView").attribute("MaxEntriesReturned", std::to_string(limit)).attribute("Offset", std::to_string(offset)).attribute("BasePoint", "Beginning").close();
  writer.open("m:ParentFolderIds");
  write_folder(writer, parent);
  writer.close().close();
  return writer.take();
}

std::string sync_folder_items(const std::string& folder, const std::string& state, std::size_t changes_max) {
  Writer writer;
  writer.open("m:SyncFolderItems");
  write_item_shape(writer);
  writer.open("m:SyncFolderId");
  write_folder(writer, folder_by_id(folder));
  writer.close();
  if (!state.empty()) writer.element("m:SyncState", state);
  writer.element("m:MaxChangesReturned", std::to_string(changes_max)).element("m:SyncScope", "NormalItems").close();
  return writer.take();
}

std::string find_items(const std::string& folder, std::optional<Time> since, std::size_t offset, std::size_t limit) {
  Writer writer;
  writer.open("m:FindItem").attribute("Traversal", "Shallow");
  write_item_shape(writer);
  writer.open("m:IndexedPageItemView").attribute("MaxEntriesReturned", std::to_string(limit)).attribute("Offset", std::to_string(offset)).attribute("BasePoint", "Beginning").close();
  if (since) {
    writer.open("m:Restriction").open("t:IsGreaterThanOrEqualTo");
    write_field(writer, "item:LastModifiedTime");
    writer.open("t:FieldURIOrConstant").open("t:Constant").attribute("Value", format_rfc3339(*since)).close().close().close().close();
  }
  writer.open("m:SortOrder").open("t:FieldOrder").attribute("Order", "Ascending");
  write_field(writer, "item:LastModifiedTime");
  writer.close().close().open("m:ParentFolderIds");
  write_folder(writer, folder_by_id(folder));
  writer.close().close();
  return writer.take();
}

std::string get_items(std::span<const ItemRef> items, Shape shape) {
  Writer writer;
  writer.open("m:GetItem").open("m:ItemShape").element("t:BaseShape", shape == Shape::everything ? "AllProperties" : "IdOnly");
  if (shape == Shape::mime) writer.element("t:IncludeMimeContent", "true");
  if (shape == Shape::listed) write_fields(writer, {"item:ParentFolderId", "item:DateTimeReceived", "item:Size", "item:IsDraft", "item:Flag", "message:IsRead"});
  writer.close().open("m:ItemIds");
  for (const auto& item : items) write_item(writer, item);
  writer.close().close();
  return writer.take();
}

std::string delete_item(const ItemRef& item) {
  Writer writer;
  // Without SuppressReadReceipts, unread mail would tell its senders that it was deleted without being read.
  writer.open("m:DeleteItem").attribute("DeleteType", "SoftDelete").attribute("SendMeetingCancellations", "SendToNone");
  writer.attribute("AffectedTaskOccurrences", "SpecifiedOccurrenceOnly").attribute("SuppressReadReceipts", "true").open("m:ItemIds");
  write_item(writer, item);
  writer.close().close();
  return writer.take();
}

std::string move_item(const ItemRef& item, const std::string& folder) {
  Writer writer;
  writer.open("m:MoveItem").open("m:ToFolderId");
  write_folder(writer, folder_by_id(folder));
  writer.close().open("m:ItemIds");
  write_item(writer, item);
  writer.close().element("m:ReturnNewItemIds", "true").close();
  return writer.take();
}

std::string create_folder(const FolderRef& parent, const std::string& name) {
  Writer writer;
  writer.open("m:CreateFolder").open("m:ParentFolderId");
  write_folder(writer, parent);
  writer.close().open("m:Folders").open("t:Folder").element("t:FolderClass", "IPF.Note").element("t:DisplayName", name).close().close().close();
  return writer.take();
}

std::string create_items(const std::string& folder, std::span<const NewItem> items) {
  Writer writer;
  writer.open("m:CreateItem").attribute("MessageDisposition", "SaveOnly").open("m:SavedItemFolderId");
  write_folder(writer, folder_by_id(folder));
  writer.close().open("m:Items");
  for (const auto& item : items) {
    writer.open("t:Message").open("t:MimeContent").attribute("CharacterSet", "UTF-8").base64(item.mime).close();
    // PR_MESSAGE_FLAGS: read, and no draft; it can be set only now. Then the times of delivery and of sending.
    write_property(writer, "0x0E07", "Integer", item.unread ? "0" : "1");
    if (item.received) write_property(writer, "0x0E06", "SystemTime", format_rfc3339(*item.received));
    if (!item.marker.empty()) {
      writer.open("t:ExtendedProperty");
      write_marker(writer);
      writer.element("t:Value", item.marker).close();
    }
    if (item.sent) write_property(writer, "0x0039", "SystemTime", format_rfc3339(*item.sent));
    writer.element("t:IsRead", item.unread ? "false" : "true").close();
  }
  writer.close().close();
  return writer.take();
}

std::string find_marked(const std::string& folder, const std::string& marker) {
  Writer writer;
  writer.open("m:FindItem").attribute("Traversal", "Shallow").open("m:ItemShape").element("t:BaseShape", "IdOnly").close();
  writer.open("m:IndexedPageItemView").attribute("MaxEntriesReturned", "10").attribute("Offset", "0").attribute("BasePoint", "Beginning").close();
  writer.open("m:Restriction").open("t:IsEqualTo");
  write_marker(writer);
  writer.open("t:FieldURIOrConstant").open("t:Constant").attribute("Value", marker).close().close().close().close();
  writer.open("m:ParentFolderIds");
  write_folder(writer, folder_by_id(folder));
  writer.close().close();
  return writer.take();
}

std::string searchable_mailboxes() {
  Writer writer;
  writer.open("m:GetSearchableMailboxes").element("m:SearchFilter", "").element("m:ExpandGroupMembership", "false").close();
  return writer.take();
}

std::string resolve_name(const std::string& address) {
  Writer writer;
  writer.open("m:ResolveNames").attribute("ReturnFullContactData", "true").attribute("SearchScope", "ActiveDirectory").element("m:UnresolvedEntry", "smtp:" + address).close();
  return writer.take();
}

}  // namespace kopial::ews
