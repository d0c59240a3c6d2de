#include "server/care/notary.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "config/settings.h"
#include "connectors/http/retry.h"
#include "server/tenants.h"
#include "storage/base/files.h"
#include "storage/base/log.h"
#include "storage/evidence/witness.h"

namespace kopial {
namespace {

constexpr std::chrono::minutes kRound{1};
constexpr std::chrono::hours kAllTenants{24};
constexpr std::chrono::milliseconds kTimeout{30'000};
constexpr std::chrono::milliseconds kLongestPause{std::chrono::hours(1)};
constexpr std::uint64_t kAnswerBytesMax = 64 << 10;
constexpr std::size_t kPemBytesMax = 1 << 20;

// One folder, one file for each branch of the log: sizes mean something else in another.
std::string branch_of(const std::string& origin) { return origin.substr(origin.rfind('/') + 1); }

std::chrono::milliseconds pause_after(int failures) {
  return std::min(kLongestPause, std::chrono::milliseconds(std::chrono::minutes(1)) * (1 << std::min(failures - 1, 6)));
}

Error refused(const HttpResponse& response) {
  const auto line = response.body.substr(0, std::min<std::size_t>(response.body.find('\n'), 200));
  return {ErrorCode::unavailable, fmt::format("answered with HTTP {}{}{}", response.status, line.empty() ? "" : ": ", line)};
}

}  // namespace

Result<NotaryOptions> notary_options(const Settings& settings) {
  const auto& given = settings.evidence;
  NotaryOptions options;
  options.timestamp_url = given.timestamp_url;
  options.timestamps.every = std::chrono::duration_cast<std::chrono::hours>(given.timestamp_every);
  options.witness_every = given.witness_every;
  if (!given.timestamp_ca.empty()) {
    auto pem = read_file(given.timestamp_ca, kPemBytesMax);
    if (!pem) return Error{ErrorCode::invalid, "evidence.timestamp_ca: " + pem.error().message};
    if (pem->find("-----BEGIN CERTIFICATE-----") == pem->npos) {
      return Error{ErrorCode::invalid, fmt::format("evidence.timestamp_ca: {} has no certificate in PEM", given.timestamp_ca.string())};
    }
    options.timestamps.trusted_pem = *std::move(pem);
  }
  for (const auto& witness : given.witnesses) {
    const auto space = witness.find(' ');
    auto verifier = space == witness.npos ? Result<NoteVerifier>(Error{ErrorCode::invalid, "write \"URL KEY\""}) : NoteVerifier::parse(witness.substr(space + 1));
    if (!verifier || verifier->algorithm != NoteAlgorithm::cosignature) {
      return Error{ErrorCode::invalid, fmt::format("evidence.witnesses: \"{}\" is no witness: {}", witness,
                                                   verifier ? "its key is of a log and not of a witness" : verifier.error().message)};
    }
    options.witnesses.push_back({witness.substr(0, space), *std::move(verifier)});
  }
  return options;
}

Result<std::unique_ptr<Notary>> make_notary(const Settings& settings, Clock& clock) {
  auto options = notary_options(settings);
  if (!options) return options.error();
  HttpClientOptions http_options;
  http_options.allowed_hosts = settings.connectors.allowed_hosts;
  auto http = HttpClient::make(std::move(http_options));
  if (!http) return http.error();
  return std::make_unique<Notary>(*std::move(options), *std::move(http), clock);
}

Notary::Notary(NotaryOptions options, std::unique_ptr<HttpClient> http, Clock& clock) : options_(std::move(options)), http_(std::move(http)), clock_(clock) {}

void Notary::start(Tenants& tenants) {
  if (options_.timestamp_url.empty() && options_.witnesses.empty()) return;
  thread_ = std::jthread([this, &tenants](std::stop_token stop) { run(tenants, stop); });
}

void Notary::stop() { thread_ = {}; }

void Notary::run(Tenants& tenants, std::stop_token stop) {
  auto all_at = clock_.uptime();
  while (clock_.wait_for(kRound, stop)) {
    std::set<std::string> visited;
    const bool all = clock_.uptime() >= all_at;
    for (auto& tenant : tenants.open_now()) {
      if (stop.stop_requested()) return;
      visit(tenant->store().evidence(), stop);
      visited.insert(tenant->facts().slug);
      tenant.reset();  // Whoever wants to close or restore it need not wait for the others.
    }
    if (!all) continue;
    // What nobody has opened today has stamps, too, whose authority's certificate may end.
    all_at = clock_.uptime() + kAllTenants;
    auto known = tenants.list();
    if (!known) continue;
    for (const auto& facts : *known) {
      if (stop.stop_requested()) return;
      if (visited.contains(facts.slug)) continue;
      if (auto tenant = tenants.open(facts.slug)) visit((*tenant)->store().evidence(), stop);
    }
  }
}

void Notary::visit(Evidence& evidence, std::stop_token stop) {
  const auto status = evidence.status();
  if (!status.trouble.empty() || !status.beginning.empty()) return;  // Nobody is to vouch for that.
  Log* log = nullptr;
  {
    const std::lock_guard lock(mutex_);
    log = &logs_[status.origin];
  }
  if (!options_.timestamp_url.empty()) stamp(evidence, status, *log, stop);
  for (const auto& witness : options_.witnesses) ask_witness(witness, evidence, status, *log, stop);
}

// --- asking

bool Notary::may_ask(const std::string& origin, const std::string& by) {
  const std::lock_guard lock(mutex_);
  const auto& asked = logs_[origin].asked;
  const auto found = asked.find(by);
  return found == asked.end() || clock_.now() >= found->second.not_before;
}

void Notary::answered(const std::string& origin, const std::string& by, const Result<Voucher>& answer) {
  const std::lock_guard lock(mutex_);
  auto& asked = logs_[origin].asked[by];
  asked.voucher.by = by;
  asked.voucher.witness = by != options_.timestamp_url;
  if (answer) {
    asked.voucher = *answer;
    asked.failures = 0;
    asked.not_before = answer->witness ? clock_.now() + options_.witness_every : Time{};
    return;
  }
  if (asked.failures == 0) spdlog::warn("{} does not vouch for {}: {}", by, origin, answer.error().message);
  asked.voucher.trouble = answer.error().message;
  ++asked.failures;
  asked.not_before = clock_.now() + pause_after(asked.failures);
}

Result<HttpResponse> Notary::post(const std::string& url, std::string_view type, Bytes body, std::stop_token stop) {
  HttpRequest request;
  request.method = "POST";
  request.url = url;
  request.headers = {{"content-type", std::string(type)}};
  request.body = std::move(body);
  request.timeout = kTimeout;
  request.body_bytes_max = kAnswerBytesMax;
  return http_->send(request, stop);
}

// --- the authority

void Notary::stamp(Evidence& evidence, const Evidence::Status& status, Log& log, std::stop_token stop) {
  const auto& url = options_.timestamp_url;
  if (!may_ask(status.origin, url)) return;
  const auto voucher = [&]() -> Result<Voucher> {
    if (!log.stamps) {
      auto opened = Timestamps::open(evidence.folder() / "timestamps" / branch_of(status.origin), options_.timestamps);
      if (!opened) return opened.error();
      log.stamps = *std::move(opened);
    }
    const auto note = evidence.newest_checkpoint();
    const auto checkpoint = note.empty() ? Result<Checkpoint>(Error{}) : open_checkpoint(note, status.verifier);
    const std::uint64_t size = checkpoint ? checkpoint->size : 0;
    if (const auto due = log.stamps->due(size, size > 0 ? note : std::string(), clock_.now())) {
      auto response = post(url, "application/timestamp-query", due->request, stop);
      if (!response) return response.error();
      if (response->status != 200) return refused(*response);
      if (auto kept = log.stamps->keep(*due, response->body); !kept) return kept.error();
    }
    Voucher voucher{url, false, 0, std::nullopt, std::nullopt, {}};
    if (const auto newest = log.stamps->newest()) {
      voucher.leaves = newest->size;
      voucher.at = newest->stamp.at;
      voucher.valid_until = newest->stamp.valid_until;
    }
    return voucher;
  }();
  answered(status.origin, url, voucher);
}

// --- witnesses

void Notary::ask_witness(const NotaryOptions::Witness& witness, Evidence& evidence, const Evidence::Status& status, Log& log, std::stop_token stop) {
  const auto& name = witness.verifier.name;
  if (!may_ask(status.origin, name)) return;
  std::uint64_t known = 0;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = log.asked.find(name); found != log.asked.end()) known = found->second.voucher.leaves;
  }
  const auto note = evidence.newest_checkpoint();
  if (note.empty()) return;
  const auto checkpoint = open_checkpoint(note, status.verifier);
  if (!checkpoint || checkpoint->size <= known) return;  // Nothing new to say.
  const auto voucher = [&]() -> Result<Voucher> {
    auto signed_note = cosigned(witness, evidence, note, checkpoint->size, known, stop);
    if (!signed_note) return signed_note.error();
    // Together with what other witnesses have signed of the same checkpoint.
    const auto path = evidence.folder() / ("witnessed." + branch_of(status.origin));
    auto parsed = parse_note(*signed_note);
    if (!parsed) return parsed.error();
    if (const auto before = read_file(path, kNoteBytesMax)) {
      if (const auto other = parse_note(*before); other && other->text == parsed->text) {
        for (const auto& signature : other->signatures) {
          const bool there = std::any_of(parsed->signatures.begin(), parsed->signatures.end(), [&](const auto& one) { return one.key_id == signature.key_id; });
          if (!there) parsed->signatures.push_back(signature);
        }
      }
    }
    if (auto kept = write_file_durably(path, format_note(*parsed), 0644); !kept) return kept.error();
    return Voucher{name, true, checkpoint->size, cosigned_at(*parsed, witness.verifier), std::nullopt, {}};
  }();
  answered(status.origin, name, voucher);
}

// The witness says what it knows when we are wrong about that; a log it knows to be longer than ours is a matter for people.
Result<std::string> Notary::cosigned(const NotaryOptions::Witness& witness, Evidence& evidence, const std::string& note, std::uint64_t size, std::uint64_t known,
                                     std::stop_token stop) {
  const auto url = witness.url + (witness.url.ends_with('/') ? "" : "/") + "add-checkpoint";
  for (bool again = false;; again = true) {
    std::vector<Digest> proof;
    if (known > 0 && known < size) {
      auto path = evidence.consistency(known, size);
      if (!path) return path.error();
      proof = *std::move(path);
    }
    auto response = post(url, "text/plain", witness_request(known, proof, note), stop);
    if (!response) return response.error();
    if (response->status == 200) return add_cosignature(note, response->body, witness.verifier);
    const auto other = response->status == 409 ? parse_witness_size(response->body) : std::nullopt;
    if (!other || again) return refused(*response);
    if (*other > size) {
      return Error{ErrorCode::conflict, fmt::format("it has cosigned {} leaves of this log, and the newest checkpoint here is of {}: leaves were lost, or somebody "
                                                    "else has this log's key", *other, size)};
    }
    known = *other;
  }
}

std::vector<Notary::Voucher> Notary::vouchers(const std::string& origin) const {
  const std::lock_guard lock(mutex_);
  std::vector<Voucher> out;
  if (const auto found = logs_.find(origin); found != logs_.end()) {
    for (const auto& [by, asked] : found->second.asked) out.push_back(asked.voucher);
  }
  return out;
}

}  // namespace kopial
