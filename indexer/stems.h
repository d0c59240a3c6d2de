// Word forms: which words of the index share a stem with the word somebody typed.
//
// The index holds each word once, as it was written (folded). Stemming at search time instead of at indexing time halves the terms
// of a document; the price is a table from stem to forms, which the writer keeps in the same commit as the words.
#pragma once

#include <xapian.h>

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace kopial {

class Stemmers {
 public:
  // Snowball names or ISO codes; unknown ones are left out. For one thread at a time.
  explicit Stemmers(const std::vector<std::string>& languages);

  // Keys of the word in the table of forms, one a language; none for a word that is not stemmed (digits, too short or too long).
  const std::vector<std::string>& keys(const std::string& word);

 private:
  struct Language {
    std::string key_prefix;
    Xapian::Stem stem;
  };
  std::vector<Language> languages_;
  std::vector<std::string> keys_;
};

// The writer's side: remembers which words this process has entered already, within bounds.
class FormTable {
 public:
  explicit FormTable(const std::vector<std::string>& languages) : stemmers_(languages) {}
  void enter(Xapian::WritableDatabase& database, const std::string& word);
  void forget() { entered_.clear(); }

 private:
  Stemmers stemmers_;
  std::unordered_set<std::size_t> entered_;  // hashes: a collision would hide a form, one in 2^64
};

// Takes entries out of the table whose word is in no document any more. Uncommitted; whoever remembers what it entered must forget.
void drop_unused_forms(Xapian::WritableDatabase& database);

// The searcher's side: the word itself and its other forms in this database, at most `forms_max`.
std::vector<std::string> forms_of(const Xapian::Database& database, Stemmers& stemmers, const std::string& word, std::size_t forms_max);

}  // namespace kopial
