// Searching, showing a message, and its exact bytes.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "connectors/http/url.h"
#include "server/cli/command.h"
#include "storage/base/clock.h"

namespace kopial::cli {
namespace json = boost::json;
namespace {

std::string name_of(const json::value& address) {
  const auto name = field(address, "name");
  return name.empty() ? field(address, "address") : name;
}

std::string full(const json::value& address) {
  const auto name = field(address, "name"), mail = field(address, "address");
  return name.empty() ? mail : fmt::format("{} <{}>", name, mail);
}

std::string joined(const json::array& addresses) {
  std::string out;
  for (const auto& one : addresses) out += (out.empty() ? "" : ", ") + full(one);
  return out;
}

// A snippet is HTML: escaped text with <mark> around what matched.
std::string plain(std::string_view snippet, bool colour) {
  static constexpr std::pair<std::string_view, std::string_view> kMarks[] = {{"<mark>", "\033[1m"}, {"</mark>", "\033[0m"}, {"&amp;", "&"},
                                                                             {"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&#39;", "'"}};
  std::string out;
  while (!snippet.empty()) {
    bool found = false;
    for (const auto& [mark, text] : kMarks) {
      if (!snippet.starts_with(mark)) continue;
      if (mark.front() == '&' || colour) out += text;
      snippet.remove_prefix(mark.size());
      found = true;
      break;
    }
    if (found) continue;
    const char c = snippet.front();
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
    snippet.remove_prefix(1);
  }
  return out;
}

struct SearchOptions {
  std::vector<std::string> words;
  std::string sort = "date_desc", archive, purpose;
  int count = 20;
  bool wait = false;
};

constexpr int kLooks = 300;
constexpr std::chrono::milliseconds kBetweenLooks{200};

// Until the index has seen everything that was archived, a minute at most. Whoever may not ask about that searches at once.
void wait_for_index(const Client& client, const std::string& tenant) {
  for (int look = 0; look < kLooks; ++look) {
    const auto status = client.get(of_tenant(tenant, "status"));
    if (!status || number(*status, "index_pending_changes") == 0) return;
    (void)system_clock().wait_for(kBetweenLooks, {});
  }
}

void show_found(const json::value& answer) {
  const auto total = number(answer, "total");
  const auto& items = list(answer, "items");
  const bool colour = is_colourful();
  for (const auto& item : items) {
    const auto* from = item.as_object().if_contains("from");
    fmt::print("{}  {}  {}  #{}\n", time_text(field(item, "date")), fitted(from == nullptr ? "" : name_of(*from), 28),
               (colour ? "\033[1m" : "") + fitted(field(item, "subject"), 100) + (colour ? "\033[0m" : ""), field(item, "message_id"));
    if (const auto snippet = field(item, "snippet"); !snippet.empty()) fmt::print("    {}\n", plain(snippet, colour));
  }
  const auto& coverage = answer.at("coverage");
  const auto pending = number(coverage, "pending"), partial = number(coverage, "partial");
  fmt::print("{} of {} found, in {} messages", items.size(), total, number(coverage, "in_scope"));
  if (pending > 0) fmt::print("; {} not searchable yet", pending);
  if (partial > 0) fmt::print("; {} read in part", partial);
  fmt::print(" ({} ms)\n", field(answer, "took_ms"));
}

Result<int> search(Context& context, const SearchOptions& options) {
  auto tenant = context.tenant();
  if (!tenant) return tenant.error();
  auto client = context.client();
  if (!client) return client.error();
  if (options.wait) wait_for_index(*client, *tenant);
  std::string q;
  for (const auto& word : options.words) q += (q.empty() ? "" : " ") + word;
  Query query{{"q", q}, {"limit", std::to_string(options.count)}, {"sort", options.sort}};
  if (!options.archive.empty()) query.emplace_back("archive", options.archive);
  if (!options.purpose.empty()) query.emplace_back("purpose", options.purpose);
  return print(context, client->get(of_tenant(*tenant, "search"), query), show_found);
}

Result<int> show(Context& context, const std::string& id) {
  auto tenant = context.tenant();
  if (!tenant) return tenant.error();
  auto client = context.client();
  if (!client) return client.error();
  const auto path = of_tenant(*tenant, "messages/" + percent_encode(id));
  auto message = client->get(path);
  if (!message) return message.error();
  auto text = client->get_bytes(path + "/text");
  if (!text) return text.error();
  return print(context, *message, [&](const json::value& answer) {
    const auto line = [](std::string_view name, const std::string& value) {
      if (!value.empty()) fmt::print("{:<12}{}\n", std::string(name) + ":", fitted(value, 2000));
    };
    line("From", joined(list(answer, "from")));
    line("To", joined(list(answer, "to")));
    line("Cc", joined(list(answer, "cc")));
    line("Subject", field(answer, "subject"));
    line("Date", time_text(field(answer, "date")));
    for (const auto& placement : list(answer, "placements")) line("In", field(placement, "archive") + " / " + field(placement, "folder"));
    for (const auto& one : list(answer, "attachments")) line("Attachment", fmt::format("{} ({}, {})", field(one, "filename"), field(one, "media_type"), bytes_text(static_cast<std::uint64_t>(number(one, "size")))));
    for (const auto& copy : list(answer, "copy_ids")) line("Copy", std::string(copy.as_string()));
    fmt::print("\n");
    // Line ends and tabs are the text's own; every other control character could act on the terminal.
    std::string out;
    for (const char c : *text) out += (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f ? (c == '\r' ? std::string() : std::string(" ")) : std::string(1, c);
    fmt::print("{}\n", text->empty() && field(answer, "has_html") == "true" ? "(only HTML; the browser application shows it)" : out);
  });
}

struct RawOptions {
  std::string id, copy, file;
};

Result<int> raw(Context& context, const RawOptions& options) {
  auto tenant = context.tenant();
  if (!tenant) return tenant.error();
  auto client = context.client();
  if (!client) return client.error();
  const auto path = of_tenant(*tenant, "messages/" + percent_encode(options.id));
  auto copy = options.copy;
  if (copy.empty()) {
    auto message = client->get(path);
    if (!message) return message.error();
    copy = std::string(list(*message, "copy_ids").at(0).as_string());
  }
  auto bytes = client->get_bytes(path + "/copies/" + percent_encode(copy) + "/raw");
  if (!bytes) return bytes.error();
  std::FILE* out = options.file.empty() || options.file == "-" ? stdout : std::fopen(options.file.c_str(), "wbx");
  if (out == nullptr) return Error{ErrorCode::invalid, options.file + " cannot be made; is it there already?"};
  bool written = std::fwrite(bytes->data(), 1, bytes->size(), out) == bytes->size() && std::fflush(out) == 0;
  if (out != stdout) written = std::fclose(out) == 0 && written;
  if (!written) return Error{ErrorCode::disk_full, "the message could not be written whole"};
  return kDone;
}

}  // namespace

void add_mail(CLI::App& app, Context& context) {
  auto options = std::make_shared<SearchOptions>();
  auto* found = command(app, context, "search", "Search: kopial search from:bach 'date:2026-10..2026-12' \"Orgel\"", [&context, options] { return search(context, *options); });
  add_tenant_option(*found, context);
  found->add_option("query", options->words, "What to look for; empty: everything. Write -- before words that begin with -");
  found->add_option("--sort", options->sort, "date_desc, date_asc, relevance, …")->capture_default_str();
  found->add_option("--limit", options->count)->check(CLI::Range(1, 1000))->capture_default_str();
  found->add_option("--archive", options->archive, "Only in this archive");
  found->add_flag("--wait", options->wait, "First wait until all that was archived can be found, a minute at most");
  found->add_option("--purpose", options->purpose, "Why you look; kept in the audit");

  auto id = std::make_shared<std::string>();
  auto* shown = command(app, context, "show", "Show a message", [&context, id] { return show(context, *id); });
  add_tenant_option(*shown, context);
  shown->add_option("message", *id, "Its id, as search prints it after #")->required();

  auto raw_options = std::make_shared<RawOptions>();
  auto* exact = command(app, context, "raw", "Write a message's exact bytes", [&context, raw_options] { return raw(context, *raw_options); });
  add_tenant_option(*exact, context);
  exact->add_option("message", raw_options->id, "Its id")->required();
  exact->add_option("--copy", raw_options->copy, "Which copy, when there are several");
  exact->add_option("-o,--output", raw_options->file, "A new file; standard output when left out");
}

}  // namespace kopial::cli
