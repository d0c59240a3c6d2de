#include "indexer/stems.h"

#include <algorithm>

namespace kopial {
namespace {

constexpr std::size_t kEnteredMax = 300'000;

bool is_stemmed(const std::string& word) {
  if (word.size() < 3 || word.size() > 32) return false;
  return std::none_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

Stemmers::Stemmers(const std::vector<std::string>& languages) {
  for (const std::string& language : languages) {
    try {
      Xapian::Stem stem(language);
      if (!stem.is_none()) languages_.push_back({"f" + language + ":", stem});
    } catch (const Xapian::InvalidArgumentError&) {
      // A tenant's language without a stemmer is searched by whole words.
    }
  }
}

const std::vector<std::string>& Stemmers::keys(const std::string& word) {
  keys_.clear();
  if (!is_stemmed(word)) return keys_;
  for (Language& language : languages_) keys_.push_back(language.key_prefix + language.stem(word));
  return keys_;
}

void FormTable::enter(Xapian::WritableDatabase& database, const std::string& word) {
  if (!is_stemmed(word)) return;
  if (entered_.size() >= kEnteredMax) entered_.clear();
  if (!entered_.insert(std::hash<std::string>()(word)).second) return;
  for (const std::string& key : stemmers_.keys(word)) {
    // A word that is its own stem is found without an entry.
    if (std::string_view(key).substr(key.find(':') + 1) != word) database.add_synonym(key, word);
  }
}

void drop_unused_forms(Xapian::WritableDatabase& database) {
  std::vector<std::pair<std::string, std::string>> unused;
  for (auto key = database.synonym_keys_begin(); key != database.synonym_keys_end(); ++key) {
    for (auto form = database.synonyms_begin(*key); form != database.synonyms_end(*key); ++form) {
      if (!database.term_exists(*form)) unused.emplace_back(*key, *form);
    }
  }
  for (const auto& [key, form] : unused) database.remove_synonym(key, form);
}

std::vector<std::string> forms_of(const Xapian::Database& database, Stemmers& stemmers, const std::string& word, std::size_t forms_max) {
  std::vector<std::string> forms{word};
  for (const std::string& key : stemmers.keys(word)) {
    forms.push_back(key.substr(key.find(':') + 1));
    for (auto form = database.synonyms_begin(key); form != database.synonyms_end(key) && forms.size() < forms_max; ++form) {
      forms.push_back(*form);
    }
  }
  std::sort(forms.begin() + 1, forms.end());
  forms.erase(std::unique(forms.begin() + 1, forms.end()), forms.end());
  forms.erase(std::remove(forms.begin() + 1, forms.end(), word), forms.end());
  return forms;
}

}  // namespace kopial
