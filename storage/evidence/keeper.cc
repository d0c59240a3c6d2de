#include "storage/evidence/keeper.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>

#include "storage/base/encoding.h"
#include "storage/base/files.h"
#include "storage/base/log.h"
#include "storage/committer.h"
#include "storage/crypto/digest.h"
#include "storage/evidence/beginning.h"
#include "storage/layout.h"

namespace kopial {
namespace json = boost::json;
namespace {

constexpr std::string_view kRecordKind = "evidence", kRecordId = "log";
constexpr std::string_view kMarkPrefix = "kopial high-water 1\n";
constexpr std::size_t kMarkBytes = 20 + 8 + 32 + 4;
constexpr std::string_view kTimeExtension = "time ";
// Signing is asked again so soon after an anchor could not be written.
constexpr std::chrono::milliseconds kAfterFailure{5000};

Bytes mark_of(const EvidenceLog::Head& head) {
  const Bytes body = Encoder().raw(kMarkPrefix).fixed64(head.size).raw(head.root.view()).take();
  return body + Bytes(sha256(body).view().substr(0, 4));
}

// What may stand in an origin: no white space, no '+', nothing that a shell or a URL would choke on.
std::string origin_name(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
    out += plain ? c : '_';
  }
  return out.empty() ? "tenant" : out.substr(0, 100);
}
std::string new_origin(const std::string& name) { return fmt::format("kopial/{}/{}", origin_name(name), hex_encode(random_bytes(8))); }

std::optional<Time> time_of(const Checkpoint& checkpoint) {
  for (const auto& line : checkpoint.extensions) {
    if (line.starts_with(kTimeExtension)) return parse_rfc3339(std::string_view(line).substr(kTimeExtension.size()));
  }
  return std::nullopt;
}
std::string when(const Checkpoint& checkpoint) {
  const auto time = time_of(checkpoint);
  return time ? format_rfc3339(*time) : "an unknown time";
}

}  // namespace

// --- the mark beside the database

HighWater::~HighWater() {
  if (file_ >= 0) ::close(file_);
}

Result<void> HighWater::open(const std::filesystem::path& path) {
  file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file_ < 0) return errno_error(errno, "opening", path);
  return {};
}

std::optional<EvidenceLog::Head> HighWater::read() const {
  Bytes mark(kMarkBytes, '\0');
  if (::pread(file_, mark.data(), mark.size(), 0) != static_cast<ssize_t>(mark.size())) return std::nullopt;
  Decoder in(mark);
  in.raw(kMarkPrefix.size());
  EvidenceLog::Head head;
  head.size = in.fixed64();
  head.root = Digest::from_bytes(in.raw(32)).value_or(Digest{});
  if (mark != mark_of(head)) return std::nullopt;
  return head;
}

void HighWater::write(const EvidenceLog::Head& head) {
  const Bytes mark = mark_of(head);
  // One sector: it is there whole or not at all. A disk that refuses it will refuse the store too.
  if (file_ >= 0 && ::pwrite(file_, mark.data(), mark.size(), 0) != static_cast<ssize_t>(mark.size())) {
    spdlog::debug("the high-water mark of the evidence could not be written");
  }
}

// --- opening

EvidenceKeeper::~EvidenceKeeper() {
  thread_ = {};
  // A clean stop leaves nothing unsigned. A failure is no worse than a crash here.
  if (key_ && status().trouble.empty()) static_cast<void>(checkpoint());
}

Result<void> EvidenceKeeper::load_identity(const std::filesystem::path& tenant_folder, const std::string& name) {
  auto record = records_.get(kRecordKind, kRecordId);
  if (!record) return record.error();
  verifier_.algorithm = NoteAlgorithm::ed25519;
  if (!*record) {
    made_now_ = true;
    seed_ = Secret(random_bytes(kEd25519SeedBytes));
    key_ = Ed25519Key::from_seed(seed_);
    verifier_.name = new_origin(name.empty() ? tenant_folder.filename().string() : name);
    verifier_.public_key = key_->public_key();
    began_at_ = clock_.now();
    if (const auto state = committer_.state(); state.beginning != kBeginningNone) changes_before_ = state.last_sequence;
    return {};
  }
  json::error_code bad;
  const auto value = json::parse((*record)->json, bad);
  const Error broken{ErrorCode::corrupt, "the record of the evidence log's key cannot be read"};
  if (bad || !value.is_object()) return broken;
  const auto& object = value.get_object();
  const auto* origin = object.if_contains("origin");
  const auto* seed = object.if_contains("seed");
  if (origin == nullptr || seed == nullptr || !origin->is_string() || !seed->is_string()) return broken;
  const auto decoded = base64_decode(std::string_view(seed->get_string()));
  if (!decoded) return broken;
  seed_ = Secret(*decoded);
  key_ = Ed25519Key::from_seed(seed_);
  verifier_.name = std::string(origin->get_string());
  if (!key_ || !is_note_name(verifier_.name)) return broken;
  const auto* began = object.if_contains("began");
  const auto* before = object.if_contains("changes_before");
  const auto time = began != nullptr && began->is_string() ? parse_rfc3339(std::string_view(began->get_string())) : std::nullopt;
  if (!time || before == nullptr || !before->is_number()) return broken;
  began_at_ = *time;
  changes_before_ = before->to_number<std::uint64_t>(bad);
  if (bad) return broken;
  verifier_.public_key = key_->public_key();
  return {};
}

Result<void> EvidenceKeeper::keep_identity() {
  const json::object object{{"origin", verifier_.name}, {"seed", base64_encode(seed_.reveal())}, {"began", format_rfc3339(began_at_)}, {"changes_before", changes_before_}};
  return records_.put(std::string(kRecordKind), std::string(kRecordId), json::serialize(object));
}

Result<void> EvidenceKeeper::open(const std::filesystem::path& tenant_folder, const EvidenceOptions& options) {
  folder_ = tenant_folder / "evidence";
  std::error_code bad;
  std::filesystem::create_directories(folder_, bad);
  if (bad) return Error{ErrorCode::unavailable, fmt::format("making the folder {}: {}", folder_.string(), bad.message())};
  anchors_ = options.anchors;
  anchors_.insert(anchors_.begin(), folder_ / "anchor");
  every_ = options.checkpoint_every;
  if (auto loaded = load_identity(tenant_folder, options.name); !loaded) return loaded;
  if (auto opened = high_water_.open(folder_ / "high-water"); !opened) return opened;

  set_trouble(compare());
  if (made_now_ && trouble_.empty()) {
    if (auto kept = keep_identity(); !kept) return kept;
    // From now on a store without any anchor is one whose anchors somebody took away.
    static_cast<void>(checkpoint());
  } else if (trouble_.empty()) {
    read_newest();
  }
  if (every_.count() > 0) thread_ = std::jthread([this](std::stop_token stop) { sign_on(stop); });
  return {};
}

// What was signed before the restart goes on to be the newest checkpoint until there is something new.
void EvidenceKeeper::read_newest() {
  const auto note = read_file(anchors_.front(), kNoteBytesMax);
  const auto checkpoint = note ? open_checkpoint(*note, verifier_) : Result<Checkpoint>(Error{});
  if (!checkpoint) return;
  const std::lock_guard lock(mutex_);
  note_ = *note;
  signed_size_ = checkpoint->size;
  signed_at_ = time_of(*checkpoint);
}

void EvidenceKeeper::set_trouble(std::string trouble) {
  if (!trouble.empty()) {
    spdlog::error("the evidence of {}: {}", verifier_.name, trouble);
    committer_.refuse_mail(Error{ErrorCode::conflict, trouble});
  } else {
    committer_.refuse_mail(std::nullopt);
  }
  const std::lock_guard lock(mutex_);
  trouble_ = std::move(trouble);
}

std::string EvidenceKeeper::compare() const {
  const auto remedy = [](std::string what) {
    return what + ". Nothing is written to this tenant's mail until the right store is put back, or an administrator accepts this "
                  "one as it is: kopial evidence accept --tenant ... --reason ...";
  };
  if (const auto& damage = log_.damage(); !damage.empty()) return remedy(damage);
  bool found = false;
  for (const auto& path : anchors_) {
    const auto note = read_file(path, kNoteBytesMax);
    if (!note) {
      if (note.error().code != ErrorCode::not_found) return remedy(note.error().message);
      continue;
    }
    found = true;
    if (auto wrong = compare(path, *note); !wrong.empty()) return remedy(std::move(wrong));
  }
  const auto head = log_.head();
  if (!found && !made_now_ && head.size > 0) {
    return remedy(fmt::format("the store has {} leaves of evidence and its anchor {} is missing", head.size, anchors_.front().string()));
  }
  if (const auto mark = high_water_.read(); mark && !made_now_) {
    if (mark->size > head.size) {
      return remedy(fmt::format("the store ends at leaf {}, and it had {} when it was last written: its newest writes are lost", head.size, mark->size));
    }
    const auto root = log_.root_at(mark->size);
    if (!root || *root != mark->root) {
      return remedy(fmt::format("the first {} leaves are not those this store had when it was last written", mark->size));
    }
  }
  return "";
}

std::string EvidenceKeeper::compare(const std::filesystem::path& path, BytesView note) const {
  if (made_now_) return fmt::format("the store is new, and its anchor {} knows an older one", path.string());
  const auto anchored = open_checkpoint(note, verifier_);
  if (!anchored) return fmt::format("the anchor {} is none of this store's: {}", path.string(), anchored.error().message);
  const auto size = log_.head().size;
  if (anchored->size > size) {
    return fmt::format("the store ends at leaf {}, and its anchor {} of {} knows {}: an older store was put in place, or its newest writes are lost",
                       size, path.string(), when(*anchored), anchored->size);
  }
  const auto root = log_.root_at(anchored->size);
  if (!root) return fmt::format("the evidence cannot be compared with the anchor {}: {}", path.string(), root.error().message);
  if (*root != anchored->root) {
    return fmt::format("the first {} leaves are not those the anchor {} of {} was signed for: the store was changed", anchored->size,
                       path.string(), when(*anchored));
  }
  return "";
}

// --- signing

void EvidenceKeeper::durable() {
  high_water_.write(log_.head());
  if (every_.count() == 0) return;
  { const std::lock_guard lock(mutex_); }  // Whoever looked before the batch was durable is waiting by now.
  grown_.notify_one();
}

void EvidenceKeeper::sign_on(std::stop_token stop) {
  while (!stop.stop_requested()) {
    {
      std::unique_lock lock(mutex_);
      grown_.wait(lock, stop, [&] { return trouble_.empty() && log_.head().size > signed_size_; });
      if (stop.stop_requested()) return;
      grown_.wait_for(lock, stop, anchor_trouble_.empty() ? every_ : kAfterFailure, [] { return false; });
      if (stop.stop_requested()) return;
    }
    static_cast<void>(checkpoint());  // What went wrong is in the status, and it is tried again.
  }
}

Result<std::string> EvidenceKeeper::checkpoint() {
  const std::lock_guard one(signing_);
  {
    const std::lock_guard lock(mutex_);
    if (!trouble_.empty()) return Error{ErrorCode::conflict, trouble_};
  }
  const auto head = log_.head();
  const auto now = clock_.now();
  {
    const std::lock_guard lock(mutex_);
    if (!note_.empty() && head.size == signed_size_) return note_;
  }
  std::vector<std::string> extensions{fmt::format("{}{}", kTimeExtension, format_rfc3339(now)), fmt::format("began {}", format_rfc3339(began_at_))};
  if (changes_before_ > 0) extensions.push_back(fmt::format("before {} changes", changes_before_));
  const auto text = format_checkpoint({verifier_.name, head.size, head.root, std::move(extensions)});
  const auto note = format_note({text, {sign_note(*key_, verifier_.name, text)}});
  auto kept = keep(note);
  const std::lock_guard lock(mutex_);
  const auto before = std::exchange(anchor_trouble_, kept ? "" : kept.error().message);
  if (!kept) {
    if (before.empty()) spdlog::error("the evidence of {}: {}", verifier_.name, kept.error().message);
    return kept.error();
  }
  note_ = note;
  signed_size_ = head.size;
  signed_at_ = now;
  return note;
}

// The first anchor must be written, or the checkpoint is not given out. A further one may be on a machine that is away just now.
Result<void> EvidenceKeeper::keep(const std::string& note) {
  if (auto kept = write_file_durably(anchors_.front(), note, 0644); !kept) return kept.error().with_context("the anchor of the evidence");
  for (std::size_t i = 1; i < anchors_.size(); ++i) {
    std::error_code ignored;
    std::filesystem::create_directories(anchors_[i].parent_path(), ignored);
    if (auto kept = write_file_durably(anchors_[i], note, 0644); !kept) {
      spdlog::warn("the evidence of {}: a further anchor: {}", verifier_.name, kept.error().message);
    }
  }
  return {};
}

Evidence::Status EvidenceKeeper::status() const {
  const auto head = log_.head();
  const auto state = committer_.state();
  const std::lock_guard lock(mutex_);
  Status status{verifier_.name, verifier_, head.size, head.root, signed_size_, signed_at_, trouble_, {}, anchor_trouble_, began_at_, changes_before_, {}};
  if (state.beginning != kBeginningNone) {
    const auto taken = to_number(state.last_taken());
    status.beginning = fmt::format("the log is being begun with what was in the store before it: {} of {} changes are in it{}", taken, state.last_sequence,
                                   taken == state.last_sequence ? ", and folders, items and cursors follow" : "");
  }
  for (const auto& path : anchors_) status.anchors.push_back(path.string());
  return status;
}

std::string EvidenceKeeper::newest_checkpoint() const {
  const std::lock_guard lock(mutex_);
  return note_;
}

Bytes EvidenceKeeper::sign(const std::string& text) const {
  std::string name;
  {
    const std::lock_guard lock(mutex_);
    name = verifier_.name;
  }
  return format_note({text, {sign_note(*key_, name, text)}});
}

// --- messages

Result<std::vector<LeafProof>> EvidenceKeeper::message(Serial serial, std::uint64_t size) const {
  auto row = database_.get(kMessages, serial_key(serial));
  if (!row) return row.error();
  const auto message = *row ? decode_message(**row) : std::nullopt;
  if (!message) return Error{ErrorCode::not_found, "there is no such message"};
  std::vector<Sequence> sequences{message->added};
  auto further = database_.range(kMessages, further_copy_key(serial, Sequence{0}), after_prefix(serial_key(serial)));
  for (; further.valid(); further.next()) {
    Decoder key(further.key());
    key.fixed64();
    sequences.push_back(Sequence{key.fixed64()});
  }
  if (auto status = further.status(); !status) return status.error();

  std::vector<LeafProof> proofs;
  const auto taken = committer_.state().last_taken();
  for (const auto sequence : sequences) {
    if (sequence == Sequence{} || sequence > taken) {
      return Error{ErrorCode::unavailable, "this message was in the store before its evidence log began, and is not in it yet; try again later"};
    }
    auto entry = log_.change(sequence);
    if (!entry) return entry.error();
    if (!*entry) return Error{ErrorCode::corrupt, "a message's change is missing"};
    LeafProof proof;
    proof.leaf = (*entry)->leaf;
    proof.entry = **std::move(entry);
    auto path = log_.inclusion(proof.leaf, size);
    if (!path) return path.error();
    proof.path = *std::move(path);
    proofs.push_back(std::move(proof));
  }
  return proofs;
}

// --- a new branch

Result<void> EvidenceKeeper::accept(const std::string& who, const std::string& why) {
  const std::lock_guard one(signing_);
  std::string trouble, origin;
  {
    const std::lock_guard lock(mutex_);
    trouble = trouble_;
    origin = verifier_.name;
  }
  if (trouble.empty()) return Error{ErrorCode::invalid, "the store follows from its anchors: there is nothing to accept"};
  if (!log_.damage().empty()) return Error{ErrorCode::conflict, log_.damage() + "; such a store cannot be gone on with: restore a backup, or repair it"};

  json::array notes;
  for (const auto& path : anchors_) {
    const auto note = read_file(path, kNoteBytesMax);
    if (note) notes.push_back(json::string(*note));
  }
  Fact fact;
  fact.type = FactType::note;
  fact.text = json::serialize(json::object{{"by", who}, {"reason", why}, {"because", trouble}, {"origin_before", origin}, {"anchors_before", notes}});
  auto written = committer_.commit([&](BatchBuilder& builder) { builder.add_event(EntryKind::branch, {fact}); });
  if (!written) return written;

  {
    const std::lock_guard lock(mutex_);
    const auto begin = origin.find('/') + 1;
    verifier_.name = new_origin(origin.substr(begin, origin.rfind('/') - begin));
  }
  if (auto kept = keep_identity(); !kept) return kept;
  made_now_ = false;
  for (const auto& path : anchors_) {
    std::error_code ignored;  // One that stays in place is refused at the next start, and accepted again.
    std::filesystem::rename(path, path.string() + fmt::format(".until-{}", log_.head().size), ignored);
  }
  high_water_.write(log_.head());
  {
    const std::lock_guard lock(mutex_);
    note_.clear();
    signed_size_ = 0;
  }
  set_trouble("");
  spdlog::warn("the evidence of {}: {} accepted this store as it is and began the log {}: {}", origin, who, verifier_.name, why);
  grown_.notify_one();
  return {};
}

}  // namespace kopial
