#include "storage/dictionary_trainer.h"

#include <spdlog/spdlog.h>
#include <zdict.h>

#include "storage/base/encoding.h"
#include "storage/layout.h"

namespace kopial {
namespace {

constexpr std::uint8_t kVersion = 1;
// Measured on mail: 16 KiB gives a ratio of 2.7, 110 KiB 2.95, 256 KiB 3.05; training wants a hundred times as much.
constexpr std::size_t kDictionaryBytes = 110 << 10;
constexpr std::size_t kSampleBytesMax = 16 << 10;
constexpr std::size_t kSampleBytesMin = 64;

struct Stage {
  std::uint64_t every;        // takes each n-th blob, so that the samples come from a long stretch of mail
  std::size_t samples_max;
  std::size_t bytes_max;
};
constexpr std::array<Stage, 2> kStages{{{1, 1000, 4 << 20}, {20, 4000, 8 << 20}}};

}  // namespace

Result<void> DictionaryTrainer::load() {
  auto rows = database_.range(kDictionaries, "", "");
  for (; rows.valid(); rows.next()) {
    Decoder key(rows.key());
    const auto number = key.fixed64();
    Decoder in(rows.value());
    const auto version = in.u8();
    const auto kind = in.u8();
    auto content = coder_.load(in.rest(), 2 * kDictionaryBytes);
    if (!key.done() || version != kVersion || kind >= lessons_.size() || !content) {
      return Error{ErrorCode::corrupt, "a dictionary of the store cannot be read"};
    }
    coder_.add(std::make_shared<Dictionary>(number, static_cast<BlobKind>(kind), *std::move(content)));
    ++lessons_[kind].stage;
    last_number_ = number;
  }
  return rows.status();
}

void DictionaryTrainer::offer(BlobKind kind, BytesView plain) {
  const auto index = static_cast<std::size_t>(kind);
  if (index >= lessons_.size() || plain.size() < kSampleBytesMin) return;
  const std::lock_guard lock(mutex_);
  auto& lesson = lessons_[index];
  if (lesson.training || lesson.stage >= kStages.size()) return;
  const auto& stage = kStages[lesson.stage];
  if (lesson.offered++ % stage.every != 0) return;
  const auto sample = plain.substr(0, kSampleBytesMax);
  lesson.samples += sample;
  lesson.sizes.push_back(sample.size());
  if (lesson.sizes.size() < stage.samples_max && lesson.samples.size() < stage.bytes_max) return;
  lesson.training = true;
  threads_.emplace_back([this, kind, samples = std::move(lesson.samples), sizes = std::move(lesson.sizes)]() mutable {
    train(kind, std::move(samples), std::move(sizes));
  });
  lesson.samples = {};
  lesson.sizes = {};
  lesson.offered = 0;
}

void DictionaryTrainer::train(BlobKind kind, Bytes samples, std::vector<std::size_t> sizes) {
  Bytes content(kDictionaryBytes, '\0');
  const auto size = ZDICT_trainFromBuffer(content.data(), content.size(), samples.data(), sizes.data(),
                                          static_cast<unsigned>(sizes.size()));
  if (ZDICT_isError(size) != 0) {  // Too few or too uniform samples: the next lot may be better.
    spdlog::info("store: no dictionary could be learned from {} samples: {}", sizes.size(), ZDICT_getErrorName(size));
  } else {
    content.resize(size);
    if (auto kept = keep(kind, std::move(content)); !kept) {
      spdlog::warn("store: a dictionary could not be kept: {}", kept.error().message);
    }
  }
  const std::lock_guard lock(mutex_);
  lessons_[static_cast<std::size_t>(kind)].training = false;
}

Result<void> DictionaryTrainer::keep(BlobKind kind, Bytes content) {
  std::uint64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    number = ++last_number_;
  }
  rocksdb::WriteBatch batch;
  batch.Put(database_.family(kDictionaries), Encoder().fixed64(number).take(),
            Encoder().u8(kVersion).u8(static_cast<std::uint8_t>(kind)).raw(coder_.store(BlobKind::dictionary, content)).take());
  if (auto written = database_.write(batch); !written) return written;
  coder_.add(std::make_shared<Dictionary>(number, kind, std::move(content)));
  const std::lock_guard lock(mutex_);
  ++lessons_[static_cast<std::size_t>(kind)].stage;
  return {};
}

void DictionaryTrainer::finish_training() {
  std::vector<std::jthread> threads;
  {
    const std::lock_guard lock(mutex_);
    threads.swap(threads_);
  }
}

}  // namespace kopial
