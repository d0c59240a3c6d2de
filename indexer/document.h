// One message as a document of the index: its words, facts, values, and the beginning of its text for snippets.
#pragma once

#include <xapian.h>

#include <string>
#include <vector>

#include "storage/tenant_store.h"

namespace kopial {

struct DocumentLimits {
  std::size_t text_bytes_max = 4 << 20;  // of one message's bodies; what is over it is not searchable and makes the message partial
  std::size_t words_max = 500'000;
  std::size_t excerpt_bytes = 2048;
};

struct BuiltDocument {
  Xapian::Document document;
  Time date;  // what "sort by date" goes by: the Date field, else when it was received
};

// `raw` are the bytes of the record's first copy.
BuiltDocument build_document(const MessageRecord& record, const std::vector<Placement>& placements, BytesView raw,
                             const DocumentLimits& limits);

// Takes the archives and folders of the document anew from `placements`.
void replace_placements(Xapian::Document& document, const std::vector<Placement>& placements);

Time effective_date(const MessageRecord& record, const std::vector<Placement>& placements);

}  // namespace kopial
