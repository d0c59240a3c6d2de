// Search over HTTPS on a kept connection against libnotmuch in this process, on the same mail, in one run: A B A B.
//
//   kopial_search_bench --url URL --token-file FILE --ca-file PEM --tenant SLUG --notmuch MAILDIR --queries FILE
//                [--rounds 5] [--evict FOLDER]...
//
// Both sides give the newest fifty with subject and sender. Kopial's time includes TLS, JSON, the exact total and the coverage
// block; notmuch's does not include its count, which is timed beside it. With --evict, the files below each FOLDER are dropped from
// the page cache before every query (cold).
#include <curl/curl.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <notmuch.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace {

struct Query {
  std::string kind, kopial, notmuch;
};

std::vector<Query> read_queries(const std::string& file) {
  std::vector<Query> out;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream fields(line);
    Query query;
    std::getline(fields, query.kind, '\t');
    std::getline(fields, query.kopial, '\t');
    std::getline(fields, query.notmuch, '\t');
    out.push_back(std::move(query));
  }
  return out;
}

double milliseconds_of(const auto& action) {
  const auto started = std::chrono::steady_clock::now();
  action();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - started).count();
}

double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, static_cast<std::size_t>(q * static_cast<double>(values.size())))];
}

void evict(const std::vector<std::string>& folders) {
  for (const auto& folder : folders) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      if (!entry.is_regular_file()) continue;
      const int fd = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
      if (fd < 0) continue;
      ::fdatasync(fd);
      ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
      ::close(fd);
    }
  }
}

class Kopial {
 public:
  Kopial(std::string url, const std::string& tenant, const std::string& token, const std::string& ca_file)
      : base_(std::move(url) + "/api/v1/tenants/" + tenant + "/search?limit=50&q="), handle_(curl_easy_init()) {
    headers_ = curl_slist_append(nullptr, ("Authorization: Bearer " + token).c_str());
    curl_easy_setopt(handle_, CURLOPT_HTTPHEADER, headers_);
    curl_easy_setopt(handle_, CURLOPT_CAINFO, ca_file.c_str());
    curl_easy_setopt(handle_, CURLOPT_WRITEFUNCTION, +[](char* data, std::size_t size, std::size_t count, void* body) {
      static_cast<std::string*>(body)->append(data, size * count);
      return size * count;
    });
    curl_easy_setopt(handle_, CURLOPT_WRITEDATA, &body_);
  }
  ~Kopial() {
    curl_slist_free_all(headers_);
    curl_easy_cleanup(handle_);
  }
  double ask(const std::string& query, std::uint64_t& total) {
    char* escaped = curl_easy_escape(handle_, query.data(), static_cast<int>(query.size()));
    curl_easy_setopt(handle_, CURLOPT_URL, (base_ + escaped).c_str());
    curl_free(escaped);
    body_.clear();
    CURLcode code = CURLE_OK;
    const double took = milliseconds_of([&] { code = curl_easy_perform(handle_); });
    long status = 0;
    curl_easy_getinfo(handle_, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK || status != 200) {
      fmt::print(stderr, "search '{}' failed: {} {} {}\n", query, curl_easy_strerror(code), status, body_);
      std::exit(1);
    }
    total = boost::json::parse(body_).at("total").to_number<std::uint64_t>();
    return took;
  }

 private:
  std::string base_, body_;
  CURL* handle_;
  curl_slist* headers_;
};

class Notmuch {
 public:
  explicit Notmuch(const std::string& maildir) {
    char* message = nullptr;
    if (notmuch_database_open_with_config(maildir.c_str(), NOTMUCH_DATABASE_MODE_READ_ONLY, "", nullptr, &database_, &message) !=
        NOTMUCH_STATUS_SUCCESS) {
      fmt::print(stderr, "notmuch: {}\n", message != nullptr ? message : "cannot open the database");
      std::exit(1);
    }
  }
  ~Notmuch() { notmuch_database_destroy(database_); }
  double search(const std::string& text) {
    return milliseconds_of([&] {
      auto* query = notmuch_query_create(database_, text.c_str());
      notmuch_query_set_sort(query, NOTMUCH_SORT_NEWEST_FIRST);
      notmuch_messages_t* messages = nullptr;
      notmuch_query_search_messages(query, &messages);
      std::size_t bytes = 0;
      for (int i = 0; i < 50 && notmuch_messages_valid(messages); ++i, notmuch_messages_move_to_next(messages)) {
        auto* found = notmuch_messages_get(messages);
        for (const char* name : {"subject", "from"}) {
          const char* value = notmuch_message_get_header(found, name);
          bytes += value != nullptr ? std::char_traits<char>::length(value) : 0;
        }
        notmuch_message_destroy(found);
      }
      checksum_ += bytes;
      notmuch_query_destroy(query);
    });
  }
  double count(const std::string& text, unsigned& total) {
    return milliseconds_of([&] {
      auto* query = notmuch_query_create(database_, text.c_str());
      notmuch_query_count_messages(query, &total);
      notmuch_query_destroy(query);
    });
  }

 private:
  notmuch_database_t* database_ = nullptr;
  std::size_t checksum_ = 0;
};

struct Times {
  std::vector<double> kopial, notmuch, count;
};

void print(const std::string& name, const Times& times) {
  const auto line = [](const std::vector<double>& values) {
    return fmt::format("{:7.2f} /{:7.2f} /{:7.2f}", quantile(values, 0.5), quantile(values, 0.95), quantile(values, 0.99));
  };
  fmt::print("{:<12} {}   {}   {}   {:5.2f} {:5.2f}\n", name, line(times.kopial), line(times.notmuch), line(times.count),
             quantile(times.notmuch, 0.5) / quantile(times.kopial, 0.5), quantile(times.notmuch, 0.99) / quantile(times.kopial, 0.99));
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"search over HTTPS against libnotmuch in process"};
  std::string url, token_file, ca_file, tenant, maildir, queries_file;
  int rounds = 5;
  std::vector<std::string> evicted;
  app.add_option("--url", url)->required();
  app.add_option("--token-file", token_file)->required();
  app.add_option("--ca-file", ca_file)->required();
  app.add_option("--tenant", tenant)->required();
  app.add_option("--notmuch", maildir)->required();
  app.add_option("--queries", queries_file)->required();
  app.add_option("--rounds", rounds);
  app.add_option("--evict", evicted);
  CLI11_PARSE(app, argc, argv);

  std::string token;
  std::ifstream(token_file) >> token;
  Kopial kopial(url, tenant, token, ca_file);
  Notmuch notmuch(maildir);
  const auto queries = read_queries(queries_file);
  Times all;
  std::map<std::string, Times> by_kind;
  std::uint64_t total = 0;
  kopial.ask("warm up the connection", total);
  for (int round = 0; round < rounds; ++round) {
    for (const auto& query : queries) {
      unsigned count = 0;
      if (!evicted.empty()) evict(evicted);
      const double ours = kopial.ask(query.kopial, total);
      if (!evicted.empty()) evict(evicted);
      const double theirs = notmuch.search(query.notmuch);
      const double counted = notmuch.count(query.notmuch, count);
      for (auto* times : {&all, &by_kind[query.kind]}) {
        times->kopial.push_back(ours);
        times->notmuch.push_back(theirs);
        times->count.push_back(counted);
      }
      if (round == 0) fmt::print("{:<34} kopial {:>8} in {:7.2f} ms   notmuch {:>8} in {:7.2f} ms\n", query.kopial, total, ours, count, theirs);
    }
  }
  fmt::print("\n{:<12} {:<27}   {:<27}   {:<27}   notmuch/kopial\n", "ms", "kopial p50/p95/p99", "notmuch search", "notmuch count");
  for (const auto& [kind, times] : by_kind) print(kind, times);
  print("all", all);
}
