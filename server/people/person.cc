#include "server/people/person.h"

#include <algorithm>

namespace kopial {

std::string_view to_string(PersonState state) {
  return state == PersonState::active ? "active" : state == PersonState::disabled ? "disabled" : "orphaned";
}

const DirectoryLink* Person::link(const std::string& directory) const {
  const auto found = std::find_if(links.begin(), links.end(), [&](const DirectoryLink& one) { return one.directory == directory; });
  return found == links.end() ? nullptr : &*found;
}
DirectoryLink* Person::link(const std::string& directory) { return const_cast<DirectoryLink*>(std::as_const(*this).link(directory)); }

AddressBook::AddressBook(const std::vector<Person>& people) {
  for (const auto& person : people) {
    for (const auto& one : person.addresses) spans_[fold(one.address)].push_back({person.id, one.valid_from, one.valid_until});
  }
}

AddressBook::Owner AddressBook::owner(std::string_view address, Time at) const {
  const auto found = spans_.find(fold(address));
  if (found == spans_.end()) return {"", "nobody ever had this address"};
  const auto& spans = found->second;
  std::string person;
  for (const auto& span : spans) {
    if ((span.from && at < *span.from) || (span.until && at >= *span.until)) continue;
    if (!person.empty() && person != span.person) return {"", "more than one person had this address then"};
    person = span.person;
  }
  if (!person.empty()) return {person, "it was his then"};
  const bool one = std::all_of(spans.begin(), spans.end(), [&](const Span& span) { return span.person == spans.front().person; });
  if (one) return {spans.front().person, "nobody else ever had it"};
  return {"", "nobody had this address then"};
}

}  // namespace kopial
