// The real mail the bench is made from: the archives of volume/, the German bodies, and the documents.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "storage/base/result.h"
#include "storage/mail/structure.h"

namespace kopial::bench {

// What a structure must be free of to count as clean. Messages that have it are for the MIME tests, not for the bench.
constexpr std::uint32_t kStructuralDefects = kEmptyMessage | kNoHeader | kJunkInHeader | kMissingHeaderEnd | kNulByte | kNoBoundary |
                                             kBoundaryNotFound | kUnclosedBoundary | kTooDeep | kTooManyParts | kEncodedMultipart |
                                             kHeaderTooLarge;

struct CorpusMail {
  Bytes raw;
  Structure structure;  // of raw
  std::uint32_t source = 0;
  std::uint32_t thread = 0;
};

struct Document {
  std::string name;
  Bytes content;
};

struct Corpus {
  std::vector<std::string> sources;                 // "linux-usb", ...
  std::vector<CorpusMail> mails;                    // in the order of the archives
  std::vector<std::vector<std::uint32_t>> threads;  // indices into mails
  std::vector<Bytes> german_bodies;                 // UTF-8
  std::vector<Document> documents;
  std::size_t left_out = 0;  // mails with structural defects
};

// Reads `folder`/volume, and when `with_documents` also the German bodies and the documents.
// Fails with not_found, unavailable, corrupt.
Result<Corpus> read_corpus(const std::filesystem::path& folder, bool with_documents);

}  // namespace kopial::bench
