#include "connectors/ews/connector.h"

#include <fmt/format.h>

#include <algorithm>

#include "connectors/ews/actions.h"
#include "connectors/ews/autodiscover.h"
#include "connectors/ews/fetcher.h"
#include "connectors/ews/mailbox_listing.h"
#include "connectors/ews/mailbox_pull.h"
#include "connectors/ews/requests.h"
#include "connectors/ews/service.h"

namespace kopial {
namespace {

constexpr std::size_t kTreesKept = 64;

class Connector final : public Source {
 public:
  Connector(ExchangeAccount account, EwsOptions options, HttpClient& http, Clock& clock) : service_(std::move(account), std::move(options), http, clock),
        autodiscover_(service_.account(), http, service_.sign_in()),
        actions_(service_, [this](const SourceMailbox& mailbox, std::stop_token stop) { return target(mailbox.mail, stop); },
                 [this](const SourceMailbox& mailbox, bool anew, std::stop_token stop) { return tree(mailbox, anew, stop); }) {}

  Result<void> check(std::stop_token stop) override {
    // Without impersonation and without a mailbox of its own an account is told ErrorMissingEmailAddress: it is signed in all the same.
    const auto root = ews::folder_by_name("root");
    auto at = target("", stop);
    if (!at) return at.error();
    auto answer = service_.call(*at, {.body = ews::get_folders({&root, 1}), .attempts_max = 2}, stop);
    if (answer || answer.error().code == ErrorCode::not_found) return {};
    return answer.error();
  }

  Result<std::vector<SourceMailbox>> mailboxes(std::stop_token stop) override {
    auto at = target("", stop);
    if (!at) return at.error();
    auto answer = service_.call(*at, {.body = ews::searchable_mailboxes()}, stop);
    auto failed = answer ? std::optional<Error>() : std::optional(answer.error());
    if (!failed && !answer->messages.front().ok()) failed = answer->messages.front().error();
    if (failed) {
      return failed->with_context("Exchange did not list its mailboxes (the account needs the management role Mailbox Search for that; or name the mailboxes in the profile)");
    }
    std::vector<SourceMailbox> found;
    const auto& message = answer->messages.front().node.name.empty() ? answer->body : answer->messages.front().node;
    const auto* listed = message.child("SearchableMailboxes");
    if (listed == nullptr) return found;
    for (const auto& one : listed->children) {
      // Groups are no mailboxes, and external ones lie in Microsoft 365.
      if (one.child_text("IsMembershipGroup") == "true" || one.child_text("IsExternalMailbox") == "true") continue;
      auto mailbox = named(one.child_text("PrimarySmtpAddress"));
      mailbox.display_name = one.child_text("DisplayName");
      if (!mailbox.upn.empty()) found.push_back(std::move(mailbox));
    }
    return found;
  }

  // Asked only when its turn comes: one that cannot be read must not keep the others waiting.
  Result<SourceMailbox> mailbox(const std::string& name, std::stop_token) override {
    if (name.find('@') == std::string::npos) return Error{ErrorCode::not_found, "a mailbox of Exchange is named by its address; '" + name + "' is none"};
    return named(name);
  }

  Result<SourceMailbox> identify(const SourceMailbox& mailbox, std::stop_token stop) override {
    if (!mailbox.id.empty()) return mailbox;
    auto identified = mailbox;
    auto at = target(mailbox.mail, stop);
    if (!at) return at.error();
    const auto root = ews::folder_by_name("msgfolderroot", service_.options().impersonate ? "" : mailbox.mail);
    auto answer = service_.call(*at, {.body = ews::get_folders({&root, 1})}, stop);
    if (!answer) return answer.error();
    const auto& message = answer->messages.front();
    if (!message.ok()) return message.error();
    identified.id = root_id(message);
    if (identified.id.empty()) return Error{ErrorCode::unavailable, "Exchange described the mailbox without an id"};
    // Its other addresses, when the directory may be asked. Not being told is no failure.
    if (auto resolved = service_.call(*at, {.body = ews::resolve_name(mailbox.mail), .attempts_max = 2}, stop); resolved) take_names(resolved->messages.front(), identified);
    else if (resolved.error().code == ErrorCode::cancelled) return resolved.error();
    return identified;
  }

  Result<std::vector<SourceMailbox>> further_mailboxes(const SourceMailbox& mailbox, std::stop_token stop) override {
    auto at = target(mailbox.mail, stop);
    if (!at) return at.error();
    const auto root = ews::folder_by_name("archivemsgfolderroot", service_.options().impersonate ? "" : mailbox.mail);
    auto answer = service_.call(*at, {.body = ews::get_folders({&root, 1})}, stop);
    std::vector<SourceMailbox> found;
    if (!answer) {
      if (answer.error().code == ErrorCode::not_found) return found;
      return answer.error();
    }
    const auto& message = answer->messages.front();
    if (message.is({"ErrorFolderNotFound", "ErrorArchiveMailboxNotEnabled"})) return found;
    if (!message.ok()) return message.error();
    const auto id = root_id(message);
    if (id.empty()) return Error{ErrorCode::unavailable, "Exchange described the in-place archive without an id"};
    auto archive = mailbox;
    archive.id = id;
    archive.part_of = mailbox.id;
    archive.display_name += " (in-place archive)";
    archive.folder_prefix = kInPlaceArchive;
    found.push_back(std::move(archive));
    return found;
  }

  Result<PullReport> pull(const SourceMailbox& mailbox, EventSink& sink, const PullOptions& options, std::stop_token stop) override {
    auto at = target(mailbox.mail, stop);
    if (!at) return at.error();
    return ews::pull_mailbox(service_, *at, mailbox, sink, options, stop);
  }

  Result<ListReport> list(const SourceMailbox& mailbox, ListingSink& sink, std::stop_token stop) override {
    auto at = target(mailbox.mail, stop);
    if (!at) return at.error();
    auto known = tree(mailbox, true, stop);
    if (!known) return known.error();
    std::atomic<std::uint64_t> requests = 0;
    return ews::list_mailbox({service_, *at, stop, requests, !mailbox.part_of.empty()}, **known, sink);
  }

  Result<void> fetch(const SourceMailbox& mailbox, const SourceItem& item, EventSink& sink, std::stop_token stop) override {
    auto at = target(mailbox.mail, stop);
    if (!at) return at.error();
    return ews::fetch_one(service_, *at, item, sink, stop);
  }

  Result<std::optional<SourceItem>> locate(const SourceMailbox& mailbox, const std::string& item, std::stop_token stop) override {
    auto at = target(mailbox.mail, stop);
    if (!at) return at.error();
    auto known = tree(mailbox, false, stop);
    if (!known) return known.error();
    std::atomic<std::uint64_t> requests = 0;
    return ews::locate_item({service_, *at, stop, requests, !mailbox.part_of.empty()}, **known, item);
  }

  SourceActions* actions() override { return &actions_; }

 private:
  static SourceMailbox named(const std::string& address) {
    SourceMailbox mailbox;
    mailbox.upn = mailbox.mail = address;
    mailbox.addresses = {address};
    mailbox.purpose = SourceMailbox::Purpose::user;
    return mailbox;
  }

  static std::string root_id(const ews::Message& message) {
    const auto* folders = message.node.child("Folders");
    const auto* id = folders == nullptr || folders->children.empty() ? nullptr : folders->children.front().child("FolderId");
    return id == nullptr ? std::string() : id->attribute("Id");
  }

  // Read once, and again when that is asked for.
  Result<std::shared_ptr<const ews::KnownTree>> tree(const SourceMailbox& mailbox, bool anew, std::stop_token stop) {
    if (!anew) {
      const auto known = trees_.with([&](const auto& all) {
        const auto found = all.find(mailbox.id);
        return found == all.end() ? std::shared_ptr<const ews::KnownTree>() : found->second;
      });
      if (known) return known;
    }
    auto at = target(mailbox.mail, stop);
    if (!at) return at.error();
    std::atomic<std::uint64_t> requests = 0;
    auto read = ews::read_tree({service_, *at, stop, requests, !mailbox.part_of.empty()}, mailbox.folder_prefix);
    if (!read) return read.error();
    auto kept = std::make_shared<const ews::KnownTree>(*std::move(read));
    trees_.with([&](auto& all) {
      if (all.size() >= kTreesKept) all.clear();
      all[mailbox.id] = kept;
    });
    return kept;
  }

  static void take_names(const ews::Message& message, SourceMailbox& mailbox) {
    const auto* set = message.node.child("ResolutionSet");
    if (set == nullptr || set->children.size() != 1) return;
    const auto& resolution = set->children.front();
    if (const auto* found = resolution.child("Mailbox"); found != nullptr && mailbox.display_name.empty()) mailbox.display_name = found->child_text("Name");
    const auto* contact = resolution.child("Contact");
    const auto* addresses = contact == nullptr ? nullptr : contact->child("EmailAddresses");
    if (addresses == nullptr) return;
    for (const auto& entry : addresses->children) {
      auto text = entry.text;
      if (!text.starts_with("SMTP:") && !text.starts_with("smtp:")) continue;
      text.erase(0, 5);
      if (std::find(mailbox.addresses.begin(), mailbox.addresses.end(), text) == mailbox.addresses.end()) mailbox.addresses.push_back(std::move(text));
    }
  }

  // "": the account itself, whose own Exchange is meant.
  Result<ews::Target> target(const std::string& address, std::stop_token stop) {
    ews::Target out{.url = service_.account().ews_url, .mailbox = address};
    if (!out.url.empty()) return out;
    const auto& asked = address.empty() ? service_.account().username : address;
    out.url = urls_.with([&](auto& known) { return known[asked]; });
    if (!out.url.empty()) return out;
    auto found = autodiscover_.ews_url(asked, stop);
    if (!found) return found.error();
    out.url = *found;
    urls_.with([&](auto& known) { known[asked] = *found; });
    return out;
  }

  ews::Service service_;
  ews::Autodiscover autodiscover_;
  Guarded<std::map<std::string, std::string>> urls_;  // address -> where it is served
  Guarded<std::map<std::string, std::shared_ptr<const ews::KnownTree>>> trees_;  // by mailbox id
  ews::Actions actions_;
};

}  // namespace

std::unique_ptr<Source> make_ews_source(ExchangeAccount account, EwsOptions options, HttpClient& http, Clock& clock) {
  return std::make_unique<Connector>(std::move(account), std::move(options), http, clock);
}

}  // namespace kopial
