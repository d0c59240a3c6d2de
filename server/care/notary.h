// Has the tenants' checkpoints vouched for by others, who have no part in this house: a time-stamping authority (RFC 3161), and witnesses
// that cosign what follows from what they cosigned before (C2SP tlog-witness).
//
// Promises
//   never blocking   nothing waits for them: a thread of its own asks; mail, checkpoints and proofs go on whoever is away;
//   queued           what failed is due again, later and later up to an hour; what is due is told from files, so a restart loses nothing;
//   renewed          a stamp is stamped again before its authority's certificate ends;
//   judged           an answer is checked before it counts, and kept durably: <tenant>/evidence/timestamps/<origin>/ (timestamps.h) and
//                    evidence/witnessed.<origin>.
// All of them see salted hashes, the log's name and its size, and nothing else.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "connectors/http/client.h"
#include "storage/evidence/evidence.h"
#include "storage/evidence/timestamps.h"

namespace kopial {

class Tenants;
struct Settings;

struct NotaryOptions {
  std::string timestamp_url;  // "": none
  TimestampsOptions timestamps;
  struct Witness {
    std::string url;  // prefix of add-checkpoint
    NoteVerifier verifier;
  };
  std::vector<Witness> witnesses;
  std::chrono::milliseconds witness_every{std::chrono::minutes(10)};
};
// Fails with invalid and a sentence for the operator: a certificate file that is none, a witness's key that cannot be read.
Result<NotaryOptions> notary_options(const Settings& settings);

// Thread-safe.
class Notary {
 public:
  Notary(NotaryOptions options, std::unique_ptr<HttpClient> http, Clock& clock);
  ~Notary() { stop(); }

  // Visits every open tenant each minute, and all of them each day. No thread when nobody is to be asked.
  void start(Tenants& tenants);
  void stop();

  // Asks whoever is due about this log; for one thread at a time.
  void visit(Evidence& evidence, std::stop_token stop);

  struct Voucher {
    std::string by;            // a URL, or a witness's name
    bool witness = false;
    std::uint64_t leaves = 0;  // of the newest checkpoint vouched for; 0: none
    std::optional<Time> at, valid_until;
    std::string trouble;       // "" or why the last question was not answered
  };
  std::vector<Voucher> vouchers(const std::string& origin) const;

 private:
  struct Asked {  // of one tenant's log
    Voucher voucher;
    int failures = 0;
    Time not_before;
  };
  struct Log {
    std::unique_ptr<Timestamps> stamps;
    std::map<std::string, Asked> asked;  // by Voucher::by
  };
  void stamp(Evidence& evidence, const Evidence::Status& status, Log& log, std::stop_token stop);
  void ask_witness(const NotaryOptions::Witness& witness, Evidence& evidence, const Evidence::Status& status, Log& log, std::stop_token stop);
  Result<std::string> cosigned(const NotaryOptions::Witness& witness, Evidence& evidence, const std::string& note, std::uint64_t size, std::uint64_t known,
                               std::stop_token stop);
  Result<HttpResponse> post(const std::string& url, std::string_view type, Bytes body, std::stop_token stop);
  bool may_ask(const std::string& origin, const std::string& by);
  void answered(const std::string& origin, const std::string& by, const Result<Voucher>& answer);
  void run(Tenants& tenants, std::stop_token stop);

  const NotaryOptions options_;
  const std::unique_ptr<HttpClient> http_;
  Clock& clock_;
  mutable std::mutex mutex_;
  std::map<std::string, Log> logs_;  // by origin
  std::jthread thread_;
};

// As the settings say; fails as notary_options does.
Result<std::unique_ptr<Notary>> make_notary(const Settings& settings, Clock& clock);

}  // namespace kopial
