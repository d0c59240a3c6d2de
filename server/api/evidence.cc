// What a tenant can prove: its signed checkpoint, the tiles of its log (C2SP tlog-tiles), proofs, and the integrity report of a message.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "server/api/api.h"
#include "server/api/json.h"
#include "server/api/views.h"
#include "server/care/notary.h"
#include "server/people/audit.h"
#include "server/services.h"
#include "storage/base/encoding.h"
#include "storage/evidence/proof.h"

namespace kopial {
namespace json = boost::json;
namespace {

http::Response fail(const ApiCall& call, const Error& error) { return http::problem(error, call.request.request_id); }

json::value text_or_null(const std::string& text) { return text.empty() ? json::value(nullptr) : json::value(text); }

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  if (text.empty() || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

json::array hex_array(const std::vector<Digest>& hashes) {
  json::array out;
  for (const auto& hash : hashes) out.push_back(json::string(hash.hex()));
  return out;
}

http::Response show(const ApiCall& call, const Notary& notary) {
  const auto status = call.tenant().store().evidence().status();
  json::array vouchers;
  for (const auto& one : notary.vouchers(status.origin)) {
    vouchers.push_back({{"by", one.by}, {"kind", one.witness ? "witness" : "timestamp"}, {"leaves", one.leaves}, {"at", time_or_null(one.at)},
                        {"valid_until", time_or_null(one.valid_until)}, {"trouble", text_or_null(one.trouble)}});
  }
  json::array anchors;
  for (const auto& path : status.anchors) anchors.push_back(json::string(path));
  return json_answer(200, json::object{{"origin", status.origin},
                                       {"public_key", status.verifier.vkey()},
                                       {"leaves", status.size},
                                       {"root", status.root.hex()},
                                       {"signed_leaves", status.signed_size},
                                       {"signed_at", time_or_null(status.signed_at)},
                                       {"anchors", std::move(anchors)},
                                       {"trouble", text_or_null(status.trouble)},
                                       {"anchor_trouble", text_or_null(status.anchor_trouble)},
                                       {"began_at", format_rfc3339(status.began_at)},
                                       {"changes_before", status.changes_before},
                                       {"beginning", text_or_null(status.beginning)},
                                       {"vouchers", std::move(vouchers)}});
}

http::Response checkpoint(const ApiCall& call) {
  auto note = call.tenant().store().evidence().checkpoint();
  if (!note) return fail(call, note.error());
  http::Response response;
  response.headers = {{"content-type", "text/plain; charset=utf-8"}};
  response.body = *std::move(note);
  return response;
}

// --- tiles

struct TilePath {
  bool entries = false;
  unsigned level = 0;
  std::uint64_t index = 0;
  unsigned width = kTileWidth;
};

// "0", "x001", "067", "067.p", "8": level, the index in groups of three digits, and for a partial tile its width.
std::optional<TilePath> parse_tile(std::vector<std::string> segments) {
  TilePath tile;
  if (segments.size() < 2) return std::nullopt;
  if (segments[0] == "entries") {
    tile.entries = true;
  } else {
    const auto level = parse_number(segments[0]);
    if (!level || *level > 63) return std::nullopt;
    tile.level = static_cast<unsigned>(*level);
  }
  segments.erase(segments.begin());
  if (segments.size() >= 2 && segments[segments.size() - 2].ends_with(".p")) {
    const auto width = parse_number(segments.back());
    if (!width || *width == 0 || *width >= kTileWidth) return std::nullopt;
    tile.width = static_cast<unsigned>(*width);
    segments.pop_back();
    segments.back().resize(segments.back().size() - 2);
  }
  for (std::size_t i = 0; i < segments.size(); ++i) {
    std::string_view group = segments[i];
    if (i + 1 < segments.size()) {
      if (!group.starts_with('x')) return std::nullopt;
      group.remove_prefix(1);
    }
    if (group.size() != 3 || group.find_first_not_of("0123456789") != group.npos) return std::nullopt;
    if (i == 0 && segments.size() > 1 && group == "000") return std::nullopt;  // One name for each tile.
    tile.index = tile.index * 1000 + static_cast<std::uint64_t>((group[0] - '0') * 100 + (group[1] - '0') * 10 + (group[2] - '0'));
  }
  return tile;
}

http::Response tile(const ApiCall& call) {
  const auto wanted = parse_tile(call.captures);
  if (!wanted) return fail(call, {ErrorCode::invalid, "a tile is LEVEL/INDEX, the index in groups of three digits: 0/x001/234, a partial one 0/x001/234.p/17"});
  auto& evidence = call.tenant().store().evidence();
  http::Response response;
  response.headers = {{"content-type", "application/octet-stream"}};
  // A tile never changes; a partial one is a beginning of what it becomes.
  response.headers.emplace_back("cache-control", "private, max-age=31536000, immutable");
  auto hashes = evidence.tile(wanted->level, wanted->index, wanted->width);
  if (!hashes) return fail(call, hashes.error());
  if (!wanted->entries) {
    for (const auto& hash : *hashes) response.body += hash.view();
    return response;
  }
  for (std::uint64_t i = 0; i < wanted->width; ++i) {
    auto entry = evidence.entry(wanted->index * kTileWidth + i);
    if (!entry) return fail(call, entry.error());
    if (!*entry) return fail(call, {ErrorCode::not_found, "there are not so many leaves yet"});
    response.body += std::string("\0\x20", 2);  // u16: a leaf is 32 bytes
    response.body += (*entry)->committed.view();
  }
  return response;
}

// --- proofs

http::Response proof(const ApiCall& call) {
  auto& evidence = call.tenant().store().evidence();
  const auto number = [&](std::string_view name) -> Result<std::optional<std::uint64_t>> {
    const auto given = call.request.parameter(name);
    if (!given) return std::optional<std::uint64_t>();
    const auto value = parse_number(*given);
    if (!value) return Error{ErrorCode::invalid, fmt::format("'{}' must be a number", name)};
    return std::optional(*value);
  };
  const auto leaf = number("leaf"), size = number("size"), from = number("from");
  for (const auto* one : {&leaf, &size, &from}) {
    if (!*one) return fail(call, one->error());
  }
  if (leaf->has_value() == from->has_value()) return fail(call, {ErrorCode::invalid, "ask for leaf=N (inclusion) or from=N (consistency), and size=M"});
  const auto whole = (*size).value_or(evidence.status().size);
  auto root = evidence.root_at(whole);
  if (!root) return fail(call, root.error());
  auto path = *leaf ? evidence.inclusion(**leaf, whole) : evidence.consistency(**from, whole);
  if (!path) return fail(call, path.error());
  json::object answer{{"size", whole}, {"root", root->hex()}, {"path", hex_array(*path)}};
  if (*leaf) answer["leaf"] = **leaf;
  else answer["from"] = **from;
  return json_answer(200, answer);
}

// --- one message

http::Response message_proof(const ApiCall& call) {
  const auto serial = parse_message_id(call.captures.front());
  const Error none{ErrorCode::not_found, "there is no such message that you may read"};
  if (!serial) return fail(call, none);
  auto access = check_message(call.caller, *serial);
  if (!access) return fail(call, access.error());
  auto& store = call.tenant().store();
  if (!access->in_own) {
    auto kept = append_audit(call.tenant(), {call.services.clock.now(), call.caller.user_id, call.caller.username, "message.proof", call.captures.front(),
                                             call.request.parameter("purpose").value_or(""), call.request.remote_address, call.request.request_id});
    if (!kept) return fail(call, kept.error());
  }
  // A store that does not follow from its anchor signs nothing, and so vouches for nothing.
  auto note = store.evidence().checkpoint();
  if (!note) return fail(call, note.error());
  const auto status = store.evidence().status();
  const auto signed_at = open_checkpoint(*note, status.verifier);
  if (!signed_at) return fail(call, signed_at.error());
  auto leaves = store.evidence().message(*serial, signed_at->size);
  if (!leaves) return fail(call, leaves.error());

  bool unchanged = true, arrival_proven = true;
  json::array copies;
  for (auto& leaf : *leaves) {
    if (leaf.entry.erased) continue;  // This copy was erased; the message lives on in the others.
    LeafClaim claim{leaf.leaf, signed_at->size, leaf.entry.salt, leaf.entry.canonical, leaf.path};
    const auto proof = encode_proof(claim);
    const auto entry = check_proof(claim, *note, status.verifier);
    json::object copy{{"leaf", leaf.leaf}, {"proof", base64_encode(proof)}, {"path", hex_array(leaf.path)}};
    bool sound = entry.ok();
    if (entry) {
      const auto raw = store.raw(entry->copy);  // Reading it compares it with its name.
      sound = raw.ok() && raw->has_value();
      copy["copy_id"] = entry->copy.hex();
      // Of what was there before the log began, the log knows when it was taken; the rest is the store's word.
      const auto before = std::find_if(entry->facts.begin(), entry->facts.end(), [](const Fact& fact) { return fact.type == FactType::earlier; });
      const bool witnessed = before == entry->facts.end();
      const auto arrived = witnessed ? std::optional(entry->at) : before->earlier;
      copy["arrived_at"] = arrived ? json::value(format_rfc3339(*arrived)) : json::value(nullptr);
      copy["recorded_at"] = format_rfc3339(entry->at);
      arrival_proven = arrival_proven && witnessed;
      copy["bytes"] = sound ? json::value((*raw)->size()) : json::value(nullptr);
      copy["salt"] = hex_encode(leaf.entry.salt);
      copy["canonical"] = base64_encode(leaf.entry.canonical);
    }
    copy["unchanged"] = sound;
    unchanged = unchanged && sound;
    copies.push_back(std::move(copy));
  }
  auto record = store.message(*serial);
  if (!record) return fail(call, record.error());
  if (!*record) return fail(call, none);
  json::array placements;
  for (const auto& placement : access->placements) placements.push_back(placement_view(placement));
  json::object report{{"message_id", call.captures.front()},
                      {"origin", status.origin},
                      {"made_at", format_rfc3339(call.services.clock.now())},
                      {"arrived_at", format_rfc3339((*record)->archived_at)},
                      {"arrival_proven", arrival_proven},
                      {"log_began_at", format_rfc3339(status.began_at)},
                      {"unchanged", unchanged},
                      {"copies", copies},
                      {"placements", std::move(placements)},
                      {"checkpoint", *note}};
  const auto signed_report = store.evidence().sign(json::serialize(report) + "\n");
  return json_answer(200, json::object{{"report", std::move(report)}, {"public_key", status.verifier.vkey()}, {"signed_report", signed_report}});
}

// --- accepting a restored store

http::Response accept(const ApiCall& call, const Notary& notary) {
  auto body = read_object(call.request.body, {"reason"});
  if (!body) return fail(call, body.error());
  const auto reason = required_string(*body, "reason");
  if (!reason) return fail(call, reason.error());
  auto& evidence = call.tenant().store().evidence();
  const auto before = evidence.status();
  if (auto kept = append_audit(call.tenant(), {call.services.clock.now(), call.caller.user_id, call.caller.username, "evidence.accept", before.origin, *reason,
                                               call.request.remote_address, call.request.request_id});
      !kept) {
    return fail(call, kept.error());
  }
  if (auto done = evidence.accept(call.caller.username, *reason); !done) return fail(call, done.error());
  return show(call, notary);
}

}  // namespace

void add_evidence_routes(Api& api, const Notary& notary) {
  const std::string evidence = "/api/v1/tenants/{t}/evidence";
  api.add({"GET", evidence, Need::auditor, [&notary](const ApiCall& call) { return show(call, notary); }});
  api.add({"GET", evidence + "/checkpoint", Need::auditor, checkpoint});
  api.add({"GET", evidence + "/proof", Need::auditor, proof});
  api.add({"POST", evidence + "/accept", Need::administrator, [&notary](const ApiCall& call) { return accept(call, notary); }});
  // 10^9 tiles of 256 leaves: three groups, and two more segments for a partial one.
  auto pattern = evidence + "/tile/{level}";
  for (const auto* segment : {"{n1}", "{n2}", "{n3}", "{n4}"}) {
    pattern += std::string("/") + segment;
    api.add({"GET", pattern, Need::auditor, tile});
  }
  api.add({"GET", "/api/v1/tenants/{t}/messages/{m}/proof", Need::reader, message_proof});
}

}  // namespace kopial
