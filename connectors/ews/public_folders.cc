#include "connectors/ews/public_folders.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "connectors/ews/autodiscover.h"
#include "connectors/ews/folder_find.h"
#include "connectors/ews/mailbox_listing.h"
#include "connectors/ews/requests.h"
#include "connectors/mailbox_folders.h"
#include "storage/base/encoding.h"

namespace kopial {
namespace {

constexpr std::size_t kFoldersMax = 100'000;
constexpr std::size_t kFoldersPage = 500;
constexpr std::size_t kGuidLength = 36;

struct PublicFolder {
  std::string id, path, kind;
  std::string content;  // GUID of the mailbox that holds its items; "" = not told
  bool has_children = false;
};

class PublicFolderSource final : public Source {
 public:
  PublicFolderSource(ExchangeAccount account, EwsOptions options, HttpClient& http, Clock& clock)
      : service_(std::move(account), std::move(options), http, clock), autodiscover_(service_.account(), http, service_.sign_in()) {}

  Result<void> check(std::stop_token stop) override {
    auto all = folders(stop);
    return all ? Result<void>() : Result<void>(all.error());
  }

  Result<std::vector<SourceMailbox>> mailboxes(std::stop_token stop) override {
    auto all = folders(stop);
    if (!all) return all.error();
    std::vector<SourceMailbox> out;
    for (const auto& [id, folder] : **all) {
      if (is_chosen(folder)) out.push_back(mailbox_of(folder));
    }
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.upn < b.upn; });
    return out;
  }

  Result<SourceMailbox> mailbox(const std::string& name, std::stop_token stop) override {
    auto all = folders(stop);
    if (!all) return all.error();
    for (const auto& [id, folder] : **all) {
      if (id == name || folder.path == name) return mailbox_of(folder);
    }
    return Error{ErrorCode::not_found, "there is no public folder '" + name + "'"};
  }

  Result<PullReport> pull(const SourceMailbox& mailbox, EventSink& sink, const PullOptions& options, std::stop_token stop) override {
    auto target = content_target(mailbox, stop);
    if (!target) return target.error();
    WorkerPool downloads("ews", service_.options().requests_per_mailbox, service_.options().requests_per_mailbox * 4);
    ews::PullContext context{.service = service_, .target = *target, .sink = sink, .options = options, .stop = stop, .downloads = downloads};
    if (auto done = ews::FolderFind(context, mailbox.id, mailbox.upn).run(); !done) return done.error();
    PullReport report;
    report.seen = context.seen;
    report.requests = context.requests;
    report.findings = context.findings.with([](const auto& all) { return all; });
    return report;
  }

  Result<ListReport> list(const SourceMailbox& mailbox, ListingSink& sink, std::stop_token stop) override {
    auto target = content_target(mailbox, stop);
    if (!target) return target.error();
    std::atomic<std::uint64_t> requests = 0;
    return ews::list_mailbox({service_, *target, stop, requests}, alone(mailbox), sink);
  }

  Result<void> fetch(const SourceMailbox& mailbox, const SourceItem& item, EventSink& sink, std::stop_token stop) override {
    auto target = content_target(mailbox, stop);
    if (!target) return target.error();
    return ews::fetch_one(service_, *target, item, sink, stop);
  }

  Result<std::optional<SourceItem>> locate(const SourceMailbox& mailbox, const std::string& item, std::stop_token stop) override {
    auto target = content_target(mailbox, stop);
    if (!target) return target.error();
    std::atomic<std::uint64_t> requests = 0;
    return ews::locate_item({service_, *target, stop, requests}, alone(mailbox), item);
  }

 private:
  using Folders = std::map<std::string, PublicFolder>;  // by id

  static ews::KnownTree alone(const SourceMailbox& mailbox) { return {{{mailbox.id, mailbox.upn}}, {mailbox.id}}; }

  static SourceMailbox mailbox_of(const PublicFolder& folder) {
    SourceMailbox mailbox;
    mailbox.id = folder.id;
    mailbox.upn = folder.path;
    mailbox.display_name = "Public folder " + folder.path;
    mailbox.purpose = SourceMailbox::Purpose::shared;
    mailbox.enabled = false;
    return mailbox;
  }

  bool is_chosen(const PublicFolder& folder) const {
    if (!folder.kind.empty() && !folder.kind.starts_with("IPF.Note") && !folder.kind.starts_with("IPF.Post")) return false;
    const auto& options = service_.options();
    return kopial::is_chosen(folder.path, options.exclude_folders, options.include_folders);
  }

  // Where the tree is asked for. Without Autodiscover the server's own default is taken, which is right where there is one such mailbox.
  Result<ews::Target> tree_target(std::stop_token stop) {
    if (auto known = tree_target_.with([](const auto& target) { return target; })) return *known;
    ews::Target target{.url = service_.account().ews_url};
    const auto& who = service_.account().username;
    const bool can_ask = !service_.account().autodiscover.empty() || target.url.empty();
    if (target.url.empty()) {
      auto url = autodiscover_.ews_url(who, stop);
      if (!url) return url.error();
      target.url = *url;
    }
    if (can_ask) {
      auto found = autodiscover_.public_folders(who, stop);
      if (!found) return found.error();
      target.anchor = found->hierarchy_mailbox;
      target.public_folder_mailbox = found->server;
      if (const auto at = found->server.find('@'); at != std::string::npos) domain_.with([&](std::string& domain) { domain = found->server.substr(at); });
    }
    tree_target_.with([&](auto& kept) { kept = target; });
    return target;
  }

  // Where a folder's items are asked for: both headers name the mailbox that holds them.
  Result<ews::Target> content_target(const SourceMailbox& mailbox, std::stop_token stop) {
    auto target = tree_target(stop);
    if (!target) return target;
    auto all = folders(stop);
    if (!all) return all.error();
    const auto folder = (*all)->find(mailbox.id);
    if (folder == (*all)->end()) return Error{ErrorCode::not_found, "the public folder '" + mailbox.upn + "' is gone"};
    const auto domain = domain_.with([](const std::string& text) { return text; });
    if (folder->second.content.empty() || domain.empty()) return target;
    const auto& guid = folder->second.content;
    auto address = holders_.with([&](auto& known) { return known[guid]; });
    if (address.empty()) {
      auto asked = autodiscover_.smtp_address(guid + domain, stop);
      if (!asked) return asked.error().with_context("finding the mailbox that holds the public folder " + mailbox.upn);
      address = *asked;
      holders_.with([&](auto& known) { known[guid] = address; });
    }
    target->anchor = target->public_folder_mailbox = address;
    return target;
  }

  // The tree, level by level: deep listings are not supported there. Read once for a connector's life, which is one run.
  Result<std::shared_ptr<const Folders>> folders(std::stop_token stop) {
    const std::lock_guard lock(reading_);
    if (folders_) return folders_;
    auto target = tree_target(stop);
    if (!target) return target.error();
    auto found = std::make_shared<Folders>();
    std::deque<std::pair<ews::FolderRef, std::string>> parents{{ews::folder_by_name("publicfoldersroot"), ""}};
    while (!parents.empty()) {
      const auto [parent, path] = parents.front();
      parents.pop_front();
      for (std::size_t offset = 0;;) {
        auto answer = service_.call(*target, {.body = ews::find_folders(parent, offset, kFoldersPage)}, stop);
        if (!answer) return answer.error();
        const auto& message = answer->messages.front();
        if (message.is({"ErrorFolderNotFound"}) && !path.empty()) break;  // Gone since its parent was listed.
        if (!message.ok()) return message.error();
        const auto* root = message.node.child("RootFolder");
        const auto* listed = root == nullptr ? nullptr : root->child("Folders");
        const auto count = listed == nullptr ? 0 : listed->children.size();
        for (std::size_t i = 0; i < count; ++i) {
          auto folder = read(listed->children[i], path);
          if (folder.id.empty()) continue;
          if (folder.has_children) parents.emplace_back(ews::folder_by_id(folder.id), folder.path);
          (*found)[folder.id] = std::move(folder);
        }
        if (found->size() > kFoldersMax) return Error{ErrorCode::too_large, "there are too many public folders"};
        if (root == nullptr || count == 0 || root->attribute("IncludesLastItemInRange") != "false") break;
        offset += count;
      }
    }
    folders_ = std::move(found);
    return folders_;
  }

  static PublicFolder read(const ews::Node& node, const std::string& parent) {
    PublicFolder folder;
    if (const auto* id = node.child("FolderId")) folder.id = id->attribute("Id");
    folder.kind = node.child_text("FolderClass");
    folder.path = (parent.empty() ? "" : parent + "/") + path_name(node.child_text("DisplayName"));
    folder.has_children = node.child_text("ChildFolderCount") != "0";
    for (const auto& property : node.children) {
      if (property.name != "ExtendedProperty") continue;
      if (const auto value = base64_decode(property.child_text("Value")); value && value->size() >= kGuidLength) folder.content = value->substr(0, kGuidLength);
    }
    return folder;
  }

  ews::Service service_;
  ews::Autodiscover autodiscover_;
  std::mutex reading_;
  std::shared_ptr<const Folders> folders_;
  Guarded<std::optional<ews::Target>> tree_target_;
  Guarded<std::string> domain_;  // "@example.org", of GUID@domain names
  Guarded<std::map<std::string, std::string>> holders_;  // GUID -> address
};

}  // namespace

std::unique_ptr<Source> make_public_folder_source(ExchangeAccount account, EwsOptions options, HttpClient& http, Clock& clock) {
  return std::make_unique<PublicFolderSource>(std::move(account), std::move(options), http, clock);
}

}  // namespace kopial
