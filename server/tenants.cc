#include "server/tenants.h"

#include <boost/json.hpp>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "server/care/tenant_care.h"
#include "server/people/grants.h"
#include "server/people/people_store.h"
#include "storage/base/encoding.h"
#include "storage/base/files.h"
#include "storage/base/json_fields.h"
#include "storage/base/log.h"
#include "storage/base/worker_pool.h"

namespace kopial {
namespace json = boost::json;
namespace {

namespace fs = std::filesystem;
constexpr std::string_view kKind = "tenant", kArchiveKind = "archive";
constexpr std::chrono::minutes kIdle{15};
// How long changes gather before they are indexed: a commit costs as much for one document as for a thousand.
constexpr std::uint64_t kGathered = 2000;
constexpr std::chrono::milliseconds kQuiet{250}, kLongestWait{3000}, kAfterFailure{5000};
constexpr std::size_t kPage = 1000;

json::array to_array(const std::vector<std::string>& texts) {
  json::array out;
  for (const auto& one : texts) out.push_back(json::string(one));
  return out;
}

struct Registered {
  TenantFacts facts;
  std::string wrapped_key;  // base64
};

std::string encode(const Registered& tenant) {
  return json::serialize(json::object{{"name", tenant.facts.name}, {"languages", to_array(tenant.facts.languages)}, {"region", tenant.facts.region},
                                      {"created_at", format_rfc3339(tenant.facts.created_at)}, {"key", tenant.wrapped_key}});
}
Result<Registered> decode_tenant(const Record& record) {
  json::error_code bad;
  const auto value = json::parse(record.json, bad);
  if (bad || !value.is_object()) return Error{ErrorCode::corrupt, "the record of tenant " + record.id + " cannot be read"};
  const auto& object = value.get_object();
  return Registered{{record.id, text(object, "name"), texts(object, "languages"), text(object, "region"),
                     parse_rfc3339(text(object, "created_at")).value_or(Time{})}, text(object, "key")};
}

std::string encode(const Archive& archive) {
  return json::serialize(json::object{{"kind", archive.kind}, {"display_name", archive.display_name}, {"owner_user", archive.owner_user},
                                      {"source_mailbox", archive.source_mailbox}, {"addresses", to_array(archive.addresses)},
                                      {"other_mailboxes", to_array(archive.other_mailboxes)}});
}
Result<Archive> decode_archive_record(const Record& record) {
  json::error_code bad;
  const auto value = json::parse(record.json, bad);
  if (bad || !value.is_object()) return Error{ErrorCode::corrupt, "the record of archive " + record.id + " cannot be read"};
  const auto& object = value.get_object();
  return Archive{static_cast<ArchiveId>(std::strtoul(record.id.c_str(), nullptr, 10)), text(object, "kind"), text(object, "display_name"),
                 text(object, "owner_user"), text(object, "source_mailbox"), texts(object, "addresses"), texts(object, "other_mailboxes")};
}

// Keeps an index behind its store. One thread a tenant; it sleeps while nothing changes.
class IndexKeeper {
 public:
  IndexKeeper(TenantStore& store, Index& index, std::string slug) : index_(index), slug_(std::move(slug)) {
    auto totals = store.totals();
    last_ = totals ? to_number(totals->last_change) : 0;
    store.on_change([this](Sequence sequence) {
      {
        const std::lock_guard lock(mutex_);
        last_ = std::max(last_, to_number(sequence));
        changed_at_ = std::chrono::steady_clock::now();
      }
      changed_.notify_one();
    });
    thread_ = std::jthread([this](std::stop_token stop) { run(stop); });
  }
  std::string trouble() const {
    const std::lock_guard lock(mutex_);
    return trouble_;
  }

 private:
  void run(std::stop_token stop) {
    while (!stop.stop_requested()) {
      gather(stop);
      if (stop.stop_requested()) return;
      auto done = index_.catch_up(stop);
      std::unique_lock lock(mutex_);
      trouble_ = done || done.error().code == ErrorCode::cancelled ? "" : done.error().message;
      if (trouble_.empty()) continue;
      spdlog::error("tenant {}: the index cannot follow, trying again: {}", slug_, trouble_);
      changed_.wait_for(lock, stop, kAfterFailure, [] { return false; });
    }
  }

  void gather(std::stop_token stop) {
    std::unique_lock lock(mutex_);
    const auto pending = [&] { return last_ - std::min(last_, to_number(index_.position())); };
    changed_.wait(lock, stop, [&] { return pending() > 0; });
    const auto begun = std::chrono::steady_clock::now();
    while (!stop.stop_requested() && pending() < kGathered) {
      const auto now = std::chrono::steady_clock::now();
      const auto until = std::min(begun + kLongestWait, changed_at_ + kQuiet);
      if (now >= until) return;
      changed_.wait_until(lock, stop, until, [&] { return pending() >= kGathered; });
    }
  }

  Index& index_;
  const std::string slug_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::uint64_t last_ = 0;
  std::chrono::steady_clock::time_point changed_at_{};
  std::string trouble_;
  std::jthread thread_;  // Last: it uses what is above.
};

class OpenTenant final : public Tenant {
 public:
  OpenTenant(TenantFacts facts, std::unique_ptr<TenantStore> store, std::unique_ptr<Index> index)
      : facts_(std::move(facts)), store_(std::move(store)), index_(std::move(index)), keeper_(std::make_unique<IndexKeeper>(*store_, *index_, facts_.slug)) {}
  ~OpenTenant() override {
    store_->on_change({});
    keeper_.reset();
  }

  const TenantFacts& facts() const override { return facts_; }
  TenantStore& store() override { return *store_; }
  Index& index() override { return *index_; }
  GrantBook& grant_book() override { return grants_; }
  std::string index_trouble() const override { return keeper_->trouble(); }

  Result<void> load() {
    std::string after;
    while (true) {
      auto listed = store_->records().list(kArchiveKind, after, kPage);
      if (!listed) return listed.error();
      for (const auto& record : *listed) {
        auto archive = decode_archive_record(record);
        if (!archive) return archive.error();
        archives_.push_back(*std::move(archive));
      }
      if (listed->size() < kPage) return {};
      after = listed->back().id;
    }
  }

  Result<std::vector<Archive>> archives() override {
    const std::lock_guard lock(mutex_);
    return archives_;
  }
  Result<std::optional<Archive>> archive(ArchiveId id) override {
    const std::lock_guard lock(mutex_);
    const auto found = find(id);
    return found == archives_.end() ? std::optional<Archive>() : std::optional(*found);
  }
  Result<Archive> archive_for_mailbox(const std::string& source_mailbox, const Archive& wanted) override {
    const std::lock_guard lock(mutex_);
    if (const auto* archive = of_mailbox(source_mailbox)) return *archive;
    auto made = wanted;
    made.source_mailbox = source_mailbox;
    // The same mailbox may have been archived under the id that another directory has for it.
    auto person = person_of_mailbox(store_->records(), source_mailbox);
    if (!person) return person.error();
    if (*person) {
      for (const auto& link : (*person)->links) {
        if (const auto* archive = of_mailbox(link.id)) return *archive;
      }
      bind_archive(made, **person);
    }
    return keep_new(std::move(made));
  }
  Result<Archive> create_archive(Archive wanted) override {
    const std::lock_guard lock(mutex_);
    return keep_new(std::move(wanted));
  }
  Result<void> update_archive(const Archive& archive) override {
    const std::lock_guard lock(mutex_);
    const auto found = find(archive.id);
    if (found == archives_.end()) return Error{ErrorCode::not_found, "there is no such archive"};
    auto kept = store_->records().put(std::string(kArchiveKind), std::to_string(to_number(archive.id)), encode(archive));
    if (kept) *found = archive;
    return kept;
  }

 private:
  std::vector<Archive>::iterator find(ArchiveId id) {
    return std::find_if(archives_.begin(), archives_.end(), [&](const Archive& archive) { return archive.id == id; });
  }
  const Archive* of_mailbox(const std::string& id) const {
    for (const auto& archive : archives_) {
      if (archive.source_mailbox == id || std::find(archive.other_mailboxes.begin(), archive.other_mailboxes.end(), id) != archive.other_mailboxes.end()) return &archive;
    }
    return nullptr;
  }
  Result<Archive> keep_new(Archive archive) {
    auto number = store_->records().next_number(kArchiveKind);
    if (!number) return number.error();
    archive.id = static_cast<ArchiveId>(*number);
    auto kept = store_->records().put(std::string(kArchiveKind), std::to_string(*number), encode(archive), 0);
    if (!kept) return kept.error();
    archives_.push_back(archive);
    return archive;
  }

  const TenantFacts facts_;
  const std::unique_ptr<TenantStore> store_;
  const std::unique_ptr<Index> index_;
  std::mutex mutex_;
  std::vector<Archive> archives_;
  GrantBook grants_{store_->records()};
  std::unique_ptr<IndexKeeper> keeper_;
};

class TenantRegistry final : public Tenants, public TenantCare {
 public:
  TenantRegistry(SystemStore& system, TenantsOptions options, Clock& clock)
      : system_(system), options_(std::move(options)), clock_(clock), search_workers_(std::make_shared<WorkerPool>("search", 4, 1000)) {}

  Result<std::vector<TenantFacts>> list() override {
    std::vector<TenantFacts> out;
    std::string after;
    while (true) {
      auto listed = system_.records().list(kKind, after, kPage);
      if (!listed) return listed.error();
      for (const auto& record : *listed) {
        auto tenant = decode_tenant(record);
        if (!tenant) return tenant.error();
        out.push_back(std::move(tenant->facts));
      }
      if (listed->size() < kPage) return out;
      after = listed->back().id;
    }
  }

  Result<std::optional<TenantFacts>> find(const std::string& slug) override {
    auto tenant = registered(slug);
    if (!tenant) return tenant.error();
    return *tenant ? std::optional((*tenant)->facts) : std::optional<TenantFacts>();
  }

  Result<void> create(TenantFacts facts) override {
    if (!is_slug(facts.slug)) {
      return Error{ErrorCode::invalid, "a slug has 1 to 63 of a-z, 0-9 and '-', and neither begins nor ends with '-'"};
    }
    const std::lock_guard lock(mutex_);
    std::error_code bad;
    // A folder that is there belongs to somebody; a new tenant must not find another's mail in it.
    if (fs::exists(options_.folder / facts.slug, bad)) {
      auto known = registered(facts.slug);
      if (known && !*known) return Error{ErrorCode::conflict, "there is a folder of an earlier tenant '" + facts.slug + "'; take another slug, or remove it"};
    }
    auto key = system_.make_wrapped_key(facts.slug);
    if (!key) return key.error();
    const auto slug = facts.slug;
    auto kept = system_.records().put(std::string(kKind), slug, encode(Registered{std::move(facts), base64_encode(*key)}), 0);
    if (!kept && kept.error().code == ErrorCode::conflict) return Error{ErrorCode::conflict, "there is a tenant '" + slug + "' already"};
    return kept;
  }

  Result<void> update(const TenantFacts& facts) override {
    const std::lock_guard lock(mutex_);
    auto known = registered(facts.slug);
    if (!known) return known.error();
    if (!*known) return Error{ErrorCode::not_found, "there is no tenant '" + facts.slug + "'"};
    // What an open tenant says of itself is read again when it is opened the next time.
    return system_.records().put(std::string(kKind), facts.slug, encode(Registered{facts, (*known)->wrapped_key}));
  }

  Result<std::shared_ptr<Tenant>> open(const std::string& slug) override {
    // Opening takes tenths of a second, and happens once; two at once must not open the same folder.
    const std::lock_guard lock(mutex_);
    if (const auto found = open_.find(slug); found != open_.end()) {
      found->second.used_at = clock_.uptime();
      return std::shared_ptr<Tenant>(found->second.tenant);
    }
    if (away_.contains(slug)) return Error{ErrorCode::unavailable, "this tenant is being restored from a backup; try again later"};
    auto known = registered(slug);
    if (!known) return known.error();
    if (!*known) return Error{ErrorCode::not_found, "there is no tenant '" + slug.substr(0, 63) + "'"};
    const auto wrapped = base64_decode((*known)->wrapped_key);
    if (!wrapped) return Error{ErrorCode::corrupt, "the key of tenant " + slug + " cannot be read"};
    auto key = system_.unwrap_key(slug, *wrapped);
    if (!key) return key.error();

    const auto folder = options_.folder / slug;
    TenantStoreOptions store_options;
    store_options.message_bytes_max = options_.message_bytes_max;
    store_options.budget = options_.budget;
    store_options.clock = &clock_;
    store_options.anchoring.name = slug;
    for (const auto& anchors : options_.anchor_folders) store_options.anchoring.anchors.push_back(anchors / (slug + ".anchor"));
    std::error_code bad;
    fs::create_directories(folder, bad);
    if (bad) return Error{ErrorCode::unavailable, "the folder " + folder.string() + " cannot be made: " + bad.message()};
    auto store = TenantStore::open(folder / "store", *key, store_options);
    if (!store) return store.error().with_context("tenant " + slug);
    IndexOptions index_options;
    index_options.lanes = options_.index_lanes;
    index_options.search_workers = search_workers_;
    index_options.clock = &clock_;
    if (!(*known)->facts.languages.empty()) index_options.languages = (*known)->facts.languages;
    auto index = Index::open(folder / "index", **store, index_options);
    if (!index) return index.error().with_context("tenant " + slug + ", index");
    auto tenant = std::make_shared<OpenTenant>((*known)->facts, *std::move(store), *std::move(index));
    if (auto loaded = tenant->load(); !loaded) return loaded.error();
    open_[slug] = {tenant, clock_.uptime()};
    return std::shared_ptr<Tenant>(tenant);
  }

  Result<void> destroy(const std::string& slug) override {
    const std::lock_guard lock(mutex_);
    auto known = registered(slug);
    if (!known) return known.error();
    if (!*known) return Error{ErrorCode::not_found, "there is no tenant '" + slug + "'"};
    if (const auto found = open_.find(slug); found != open_.end()) {
      if (found->second.tenant.use_count() > 1) return Error{ErrorCode::conflict, "somebody is working in this tenant; cancel its runs and try again"};
      open_.erase(found);
    }
    if (auto removed = system_.records().remove(std::string(kKind), slug); !removed) return removed;
    std::error_code bad;
    // A later tenant of this name is another one, and must not be held against this one's checkpoints.
    for (const auto& anchors : options_.anchor_folders) fs::remove(anchors / (slug + ".anchor"), bad);
    fs::remove_all(options_.folder / slug, bad);
    if (bad) return Error{ErrorCode::unavailable, "the tenant's key is destroyed, and its folder could not be removed: " + bad.message()};
    return {};
  }

  // --- TenantCare

  Result<Secret> key(const std::string& slug) override {
    auto known = registered(slug);
    if (!known) return known.error();
    if (!*known) return Error{ErrorCode::not_found, "there is no tenant '" + slug.substr(0, 63) + "'"};
    return key_of(**known);
  }

  fs::path folder(const std::string& slug) const override { return options_.folder / slug / "store"; }

  Result<std::string> attachment(const std::string& slug) override {
    auto known = registered(slug);
    if (!known) return known.error();
    if (!*known) return Error{ErrorCode::not_found, "there is no tenant '" + slug.substr(0, 63) + "'"};
    auto value = json::parse(encode(**known)).as_object();
    value["slug"] = slug;
    return json::serialize(value);
  }

  Result<Secret> key_in(const std::string& slug, const std::string& attachment) override {
    auto taken = taken_in(slug, attachment);
    if (!taken) return taken.error();
    return key_of(*taken);
  }

  Result<void> replace(const std::string& slug, const std::string& attachment, const Fill& fill) override {
    auto known = registered(slug);
    if (!known) return known.error();
    auto tenant = *known ? Result<Registered>(**known) : taken_in(slug, attachment);
    if (!tenant) return tenant.error();
    auto key = key_of(*tenant);
    if (!key) return key.error();
    {
      const std::lock_guard lock(mutex_);
      if (away_.contains(slug)) return Error{ErrorCode::conflict, "this tenant is being restored already"};
      if (const auto found = open_.find(slug); found != open_.end()) {
        if (found->second.tenant.use_count() > 1) return Error{ErrorCode::conflict, "somebody is working in this tenant; cancel its runs and try again"};
        open_.erase(found);
      }
      away_.insert(slug);
    }
    auto done = replace_folder(slug, *key, fill);
    if (done && !*known) done = system_.records().put(std::string(kKind), slug, encode(*tenant), 0);
    const std::lock_guard lock(mutex_);
    away_.erase(slug);
    return done;
  }

  std::vector<std::shared_ptr<Tenant>> open_now() override {
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<Tenant>> out;
    for (const auto& [slug, one] : open_) out.push_back(one.tenant);
    return out;
  }

  void close_idle() override {
    const std::lock_guard lock(mutex_);
    std::erase_if(open_, [&](const auto& one) { return one.second.tenant.use_count() == 1 && clock_.uptime() - one.second.used_at > kIdle; });
  }

 private:
  struct Open {
    std::shared_ptr<OpenTenant> tenant;
    std::chrono::nanoseconds used_at{0};
  };

  Result<std::optional<Registered>> registered(const std::string& slug) {
    if (!is_slug(slug)) return std::optional<Registered>();
    auto record = system_.records().get(kKind, slug);
    if (!record) return record.error();
    if (!*record) return std::optional<Registered>();
    auto tenant = decode_tenant(**record);
    if (!tenant) return tenant.error();
    return std::optional(*std::move(tenant));
  }

  Result<Secret> key_of(const Registered& tenant) {
    const auto wrapped = base64_decode(tenant.wrapped_key);
    if (!wrapped) return Error{ErrorCode::corrupt, "the key of tenant " + tenant.facts.slug + " cannot be read"};
    return system_.unwrap_key(tenant.facts.slug, *wrapped);
  }

  // From the words a backup carries along.
  static Result<Registered> taken_in(const std::string& slug, const std::string& attachment) {
    if (!is_slug(slug)) return Error{ErrorCode::invalid, "this is not the name of a tenant"};
    auto tenant = decode_tenant(Record{slug, 0, attachment});
    if (!tenant) return Error{ErrorCode::corrupt, "the backup does not say whose it is"};
    if (tenant->wrapped_key.empty()) return Error{ErrorCode::invalid, "the backup carries no key along; a tenant that is not known here cannot be restored from it"};
    return tenant;
  }

  // The old store goes aside only when the new one is whole, and stays there until somebody removes it.
  Result<void> replace_folder(const std::string& slug, const Secret& key, const Fill& fill) {
    const auto home = options_.folder / slug, present = folder(slug), fresh = home / "store.restored";
    std::error_code bad;
    fs::remove_all(fresh, bad);
    fs::create_directories(fresh, bad);
    if (bad) return Error{ErrorCode::unavailable, "the folder " + fresh.string() + " cannot be made: " + bad.message()};
    if (auto filled = fill(fresh, key); !filled) {
      fs::remove_all(fresh, bad);
      return filled;
    }
    fs::remove_all(home / "index", bad);  // Built anew from what was restored.
    if (!bad && fs::exists(present)) fs::rename(present, home / ("store.before-" + std::to_string(to_milliseconds(clock_.now()) / 1000)), bad);
    if (!bad) fs::rename(fresh, present, bad);
    if (bad) return Error{ErrorCode::unavailable, "putting the restored store into place: " + bad.message()};
    return sync_folder(home);
  }

  SystemStore& system_;
  const TenantsOptions options_;
  Clock& clock_;
  const std::shared_ptr<WorkerPool> search_workers_;
  std::mutex mutex_;
  std::map<std::string, Open> open_;
  std::set<std::string> away_;  // being replaced
};

}  // namespace

bool is_slug(const std::string& text) {
  return !text.empty() && text.size() <= 63 && text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos &&
         text.front() != '-' && text.back() != '-';
}

TenantCare& care_of(Tenants& tenants) { return dynamic_cast<TenantCare&>(tenants); }

std::unique_ptr<Tenants> make_tenants(SystemStore& system, TenantsOptions options, Clock& clock) {
  return std::make_unique<TenantRegistry>(system, std::move(options), clock);
}

}  // namespace kopial
