// An organisation's mail: the threads of the corpus between employees and partners, with attachments, in several mailboxes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/bench/plan.h"
#include "tests/bench/rewriter.h"

namespace kopial::bench {

struct Person {
  std::string name;     // ASCII
  std::string address;
};

struct CorporateAttachment {
  std::uint32_t file = 0;     // in the pool
  std::uint32_t edition = 0;  // the same file in the same edition is the same bytes
};

// One message; it is delivered to every mailbox in `mailboxes`.
struct CorporateItem {
  Item item;
  std::uint64_t key = 0;  // of the message: what else is drawn for it
  std::uint32_t sender = 0;                 // of people()
  std::vector<std::uint32_t> recipients;    // of people()
  std::vector<std::uint32_t> mailboxes;     // places of employees in people(), the sender's own included
  std::vector<CorporateAttachment> attachments;
  int german_body = -1;  // of Corpus::german_bodies
};

class Corporate {
 public:
  // `mailboxes` employees; messages are planned until `deliveries` of them are reached.
  Corporate(const Corpus& corpus, const Rewriter& rewriter, std::uint64_t seed, std::size_t mailboxes, std::size_t deliveries);

  const std::vector<CorporateItem>& items() const { return items_; }
  const std::vector<Person>& people() const { return people_; }
  // The bytes as they are in the mailbox of `owner` (of people()): trace fields differ, everything else is the same.
  std::vector<Bytes> compose(const CorporateItem& item) const;  // in the order of item.mailboxes

 private:
  void choose_people(std::size_t mailboxes);
  void fill_pool();
  void plan(std::size_t deliveries);
  std::uint32_t draw_file(std::uint64_t key) const;
  Bytes body(const CorporateItem& item, std::string& subject) const;

  const Corpus& corpus_;
  const Rewriter& rewriter_;
  std::uint64_t seed_;
  std::size_t employees_ = 0;
  std::vector<Person> people_;  // employees first
  std::vector<Document> pool_;
  std::vector<double> cumulative_;  // of the weights of the pool
  std::vector<CorporateItem> items_;
};

}  // namespace kopial::bench
