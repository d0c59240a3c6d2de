#include "tests/storage/mail/shared_corpus.h"

#include <zstd.h>

#include <string.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "storage/base/files.h"
#include "tests/support/support.h"

namespace kopial {
namespace {

constexpr std::uint64_t kFileBytesMax = 1 << 30;

Bytes content_of(const std::filesystem::path& path) {
  auto content = read_file(path, kFileBytesMax);
  if (!content) throw std::runtime_error(content.error().message);
  return *std::move(content);
}

Bytes unpacked(const std::filesystem::path& path) {
  const Bytes packed = content_of(path);
  ZSTD_DStream* const stream = ZSTD_createDStream();
  ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, 27);
  Bytes out, buffer(1 << 20, '\0');
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  std::size_t state = 1;
  while (in.pos < in.size || state != 0) {
    ZSTD_outBuffer to{buffer.data(), buffer.size(), 0};
    const std::size_t before = in.pos;
    state = ZSTD_decompressStream(stream, &to, &in);
    out.append(buffer, 0, to.pos);
    if (ZSTD_isError(state) || (in.pos == before && to.pos == 0)) break;
  }
  ZSTD_freeDStream(stream);
  if (state != 0) throw std::runtime_error("cannot unpack " + path.string());
  return out;
}

// ustar with GNU long names: what tar writes.
std::size_t each_of_tar(const Bytes& tar, const OnFile& on_file) {
  std::size_t count = 0;
  std::string long_name;
  for (std::size_t at = 0; at + 512 <= tar.size() && tar[at] != '\0';) {
    const auto field = [&](std::size_t offset, std::size_t size) {
      return std::string(tar.c_str() + at + offset, strnlen(tar.c_str() + at + offset, size));
    };
    const auto size = std::stoull("0" + field(124, 12), nullptr, 8);
    const char type = tar[at + 156];
    const Bytes content = tar.substr(at + 512, size);
    if (type == 'L') {
      long_name = content.c_str();
    } else if (type == '0' || type == '\0') {
      on_file(long_name.empty() ? field(345, 155) + "/" + field(0, 100) : long_name, content);
      long_name.clear();
      ++count;
    }
    at += 512 + (size + 511) / 512 * 512;
  }
  return count;
}

std::size_t each_of_mbox(const Bytes& mbox, const OnFile& on_file) {
  std::size_t count = 0;
  Bytes message;
  bool started = false;
  const auto flush = [&] {
    if (started && message.ends_with("\n\n")) message.pop_back();
    if (started) on_file("message " + std::to_string(++count), message);
    message.clear();
  };
  for (std::size_t at = 0; at < mbox.size();) {
    const auto end = std::min(mbox.find('\n', at), mbox.size() - 1) + 1;
    const BytesView line = BytesView(mbox).substr(at, end - at);
    at = end;
    const auto quotes = std::min(line.find_first_not_of('>'), line.size());
    const bool from = line.substr(quotes).starts_with("From ");
    if (from && quotes == 0) {
      flush();
      started = true;
    }
    message += from && quotes > 0 ? line.substr(1) : line;
  }
  flush();
  return count;
}

}  // namespace

std::size_t each_edge_case(const OnFile& on_file) {
  const auto shared = shared_folder();
  if (!shared) return 0;
  const auto folder = *shared / "corpus" / "mime-edge";
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file() && entry.path().extension() != ".zst")
      paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  for (const auto& path : paths)
    on_file(path.lexically_relative(folder).string(), content_of(path));
  return paths.size() + each_of_tar(unpacked(folder / "large.tar.zst"), on_file);
}

std::size_t each_message(const std::string& archive, const OnFile& on_file) {
  const auto shared = shared_folder();
  if (!shared) return 0;
  const Bytes content = unpacked(*shared / "corpus" / "volume" / archive);
  return archive.ends_with(".mbox.zst") ? each_of_mbox(content, on_file)
                                        : each_of_tar(content, on_file);
}

}  // namespace kopial
