#include "tests/fuzz/targets.h"

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "connectors/http/retry.h"
#include "connectors/http/url.h"
#include "indexer/html_text.h"
#include "indexer/query.h"
#include "server/api/html_sanitizer.h"
#include "storage/crypto/digest.h"
#include "storage/mail/header_text.h"
#include "storage/mail/message_view.h"
#include "storage/mail/parameters.h"
#include "storage/recipe.h"
#include "storage/splitter.h"
#include "tests/storage/mail/sound_structure.h"

namespace kopial::fuzz {
namespace {

constexpr std::size_t kTextMax = 64 << 10;

bool is_text_line(const std::string& text) {
  if (!is_valid_utf8(text)) return false;
  for (const unsigned char c : text) {
    if (c < 0x20 || c == 0x7f) return false;
  }
  return true;
}

// The scanner: whatever comes, a sound structure.
void structure(BytesView input) {
  const auto broken = unsound(input, scan(input));
  require(broken.empty(), broken);
  // Small limits are where opaque rests are made.
  const ScanLimits tight{3, 5, 200, 4};
  const auto broken_tight = unsound(input, scan(input, tight), tight);
  require(broken_tight.empty(), broken_tight);
}

// Everything a message is shown and indexed as.
void message(BytesView input) {
  const auto structure = scan(input);
  const auto summary = summarize(input, structure);
  require(is_text_line(summary.subject), "a subject that is no line of text");
  for (const auto* list : {&summary.from, &summary.to, &summary.cc, &summary.bcc}) {
    for (const auto& one : *list) require(is_text_line(one.name) && is_text_line(one.address), "an address that is no line of text");
  }
  const auto parts = classify(structure);
  std::uint32_t defects = 0;
  for (const auto* list : {&parts.text, &parts.html}) {
    for (const auto index : *list) {
      const auto text = leaf_text(input, structure.entities[index], kTextMax, defects);
      require(is_valid_utf8(text), "a body that is no UTF-8");
      require(text.size() <= kTextMax, "a body over its limit");
    }
  }
  require(content_identity(input, structure, summary) == content_identity(input, structure, summary), "an identity that changes");
}

// The store's form of a message: takes apart, and puts together the same bytes.
void stored_form(BytesView input) {
  auto taken = split(input, scan(input));
  std::map<PartKey, BytesView> parts;
  std::size_t next = 0;
  for (auto& step : taken.recipe.steps) {
    if (step.kind == Step::Kind::literal) continue;
    require(next < taken.parts.size(), "a step without its part");
    const auto content = taken.parts[next++].content();
    step.part = sha256(content);
    parts[step.part] = content;
  }
  const auto read = decode_recipe(encode_recipe(taken.recipe));
  require(read.ok() && *read == taken.recipe, "a recipe that reads otherwise than it was written");
  const auto rebuilt = rebuild(*read, input.size(), [&](const PartKey& key) -> Result<Bytes> { return Bytes(parts.at(key)); });
  // What does not rebuild is stored whole; so that is allowed, and nothing else is.
  require(!rebuilt.ok() || rebuilt->size() == input.size(), "a rebuilt message of another size");
  auto whole = split_whole(input);
  for (auto& step : whole.recipe.steps) {
    if (step.kind != Step::Kind::literal) step.part = PartKey{};
  }
  const auto again = rebuild(whole.recipe, input.size(), [&](const PartKey&) -> Result<Bytes> { return Bytes(input); });
  require(again.ok() && *again == input, "the form that always rebuilds does not");
}

// Recipes as the disk may give them back.
void recipe(BytesView input) {
  const auto read = decode_recipe(input);
  if (!read) return;
  std::uint64_t size = 0;
  for (const auto& step : read->steps) size += step.size;
  if (size > (1 << 20)) return;
  const auto rebuilt = rebuild(*read, size, [](const PartKey&) -> Result<Bytes> { return Bytes("part"); });
  require(!rebuilt.ok() || rebuilt->size() == size, "a rebuilt message of another size");
}

void header_text(BytesView input) {
  require(is_text_line(decode_header_text(input)), "a header value that is no line of text");
  for (const auto& one : decode_addresses(input)) require(is_text_line(one.name) && is_text_line(one.address), "an address that is no line of text");
  decode_message_ids(input);
  parse_mail_date(input);
  for (const auto& [name, value] : parse_parameters(input).parameters) {
    if (name != "boundary") require(is_text_line(value), fmt::format("a parameter '{}' that is no line of text", name));
  }
}

// The transfer encodings: what is taken off goes back on exactly.
void transfer(BytesView input) {
  if (const auto run = read_base64(input)) {
    Bytes back;
    write_base64(run->decoded, run->form, back);
    require(run->encoded_bytes <= input.size() && back == input.substr(0, run->encoded_bytes), "base64 that comes back otherwise");
  }
  if (const auto run = read_quoted_printable(input)) {
    Bytes back;
    // The reader promises a form; the store compares before it trusts, because soft breaks may be put where no form says.
    if (write_quoted_printable(run->decoded, run->form, back)) require(back.size() <= input.size() * 3 + 16, "quoted-printable that grows");
  }
}

// A query that is understood has a normal form that means the same.
void query(BytesView input) {
  const auto now = from_milliseconds(1'790'000'000'000);
  const auto tree = parse_query(input, now);
  if (!tree) {
    require(tree.error().code == ErrorCode::invalid && !tree.error().message.empty(), "a refusal without a reason");
    return;
  }
  const auto text = to_text(**tree);
  const auto again = parse_query(text, now, {1 << 20, 100'000, 10'000});
  require(again.ok(), fmt::format("the normal form '{}' does not parse", text));
  require(to_text(**again) == text, fmt::format("the normal form '{}' is not stable", text));
}

void html_text(BytesView input) {
  const auto html = make_valid_utf8(input);
  bool cut = false;
  const auto text = html_to_text(html, kTextMax, cut);
  require(is_valid_utf8(text), "HTML text that is no UTF-8");
  require(text.size() <= kTextMax, "HTML text over its limit");
}

// Nothing that runs, loads or navigates by itself survives, and what is safe stays what it is.
void sanitizer(BytesView input) {
  const auto html = make_valid_utf8(input);
  const auto nothing = [](const std::string&) { return std::optional<std::string>(); };
  const auto safe = sanitize_html(html, nothing);
  require(is_valid_utf8(safe.html), "safe HTML that is no UTF-8");
  for (const std::string_view bad : {"<script", "<iframe", "<object", "<embed", "<form", "<base", "<meta", "<link", "<svg"}) {
    require(safe.html.find(bad) == std::string::npos, fmt::format("{} survives", bad));
  }
  const auto again = sanitize_html(safe.html, nothing);
  require(again.blocked_remote == 0, "a load survives the first cleaning");
}

void web(BytesView input) {
  const auto half = input.size() / 2;
  const auto wait = read_retry_after(input.substr(0, half), input.substr(half), from_milliseconds(1'790'000'000'000));
  require(!wait || wait->count() >= 0, "a wait of less than nothing");
  const std::string url(input);
  if (split_url(url)) require(same_origin(url, url), "an address of another origin than itself");
}

constexpr std::array kTargets{
    Target{"structure", structure, 64 << 10}, Target{"message", message, 64 << 10},     Target{"stored_form", stored_form, 64 << 10},
    Target{"recipe", recipe, 16 << 10},       Target{"header_text", header_text, 8192}, Target{"transfer", transfer, 16 << 10},
    Target{"query", query, 1024},             Target{"html_text", html_text, 64 << 10}, Target{"sanitizer", sanitizer, 64 << 10},
    Target{"web", web, 1024},
};

}  // namespace

std::span<const Target> targets() { return kTargets; }

void require(bool holds, std::string_view what) {
  if (holds) return;
  fmt::print(stderr, "broken: {}\n", what);
  std::abort();
}

}  // namespace kopial::fuzz
