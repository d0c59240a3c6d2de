#include "tests/bench/archives.h"

#include <zstd.h>

#include <memory>

#include "storage/base/files.h"

namespace kopial::bench {

Result<Bytes> read_zstd(const std::filesystem::path& file) {
  const auto packed = read_file(file, 1ULL << 30);
  if (!packed) return packed.error();
  const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, 27);
  Bytes out, buffer(ZSTD_DStreamOutSize(), '\0');
  ZSTD_inBuffer input{packed->data(), packed->size(), 0};
  for (bool full = false; input.pos < input.size || full;) {
    ZSTD_outBuffer output{buffer.data(), buffer.size(), 0};
    const std::size_t code = ZSTD_decompressStream(context.get(), &output, &input);
    if (ZSTD_isError(code) != 0) return Error{ErrorCode::corrupt, file.string() + " is no Zstandard stream"};
    out.append(buffer, 0, output.pos);
    full = output.pos == output.size;
  }
  return out;
}

namespace {

std::uint64_t octal(BytesView field) {
  std::uint64_t value = 0;
  for (const char c : field) {
    if (c >= '0' && c <= '7') value = value * 8 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

std::string text_until_nul(BytesView field) { return std::string(field.substr(0, field.find('\0'))); }

// The path= record of a pax header, or "".
std::string pax_path(BytesView records) {
  const auto at = records.find(" path=");
  if (at == BytesView::npos) return {};
  const auto value = records.substr(at + 6);
  return std::string(value.substr(0, value.find('\n')));
}

}  // namespace

std::vector<ArchivedFile> split_tar(BytesView tar) {
  constexpr std::size_t kBlock = 512;
  std::vector<ArchivedFile> out;
  std::string long_name;
  for (std::size_t at = 0; at + kBlock <= tar.size() && tar[at] != '\0';) {
    const auto header = tar.substr(at, kBlock);
    const auto size = octal(header.substr(124, 12));
    const auto content = tar.substr(at + kBlock, size);
    const char kind = header[156];
    if (kind == 'L') {
      long_name = text_until_nul(content);
    } else if (kind == 'x') {
      long_name = pax_path(content);
    } else {
      const auto folder = text_until_nul(header.substr(345, 155));
      auto name = text_until_nul(header.substr(0, 100));
      if (!folder.empty() && header.substr(257, 6) == BytesView("ustar\0", 6)) name = folder + "/" + name;
      if (!long_name.empty()) name = long_name;
      long_name.clear();
      if (kind == '0' || kind == '\0') out.push_back({std::move(name), Bytes(content)});
    }
    at += kBlock + (size + kBlock - 1) / kBlock * kBlock;
  }
  return out;
}

std::vector<ArchivedFile> split_mbox(BytesView mbox, const std::string& prefix) {
  std::vector<ArchivedFile> out;
  bool after_blank = true;
  for (std::size_t at = 0; at < mbox.size();) {
    const auto end = std::min(mbox.find('\n', at), mbox.size() - 1) + 1;
    auto line = mbox.substr(at, end - at);
    at = end;
    if (after_blank && line.starts_with("From ")) {
      // The blank line before an envelope line belongs to the format.
      if (!out.empty() && out.back().content.ends_with("\n\n")) out.back().content.pop_back();
      out.push_back({prefix + "#" + std::to_string(out.size() + 1), {}});
      after_blank = false;
      continue;
    }
    after_blank = line == "\n" || line == "\r\n";
    const auto quotes = line.find_first_not_of('>');
    if (quotes != BytesView::npos && quotes > 0 && line.substr(quotes).starts_with("From ")) line.remove_prefix(1);
    if (!out.empty()) out.back().content += line;
  }
  return out;
}

}  // namespace kopial::bench
