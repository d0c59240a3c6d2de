// XML as EWS speaks it: answers read in one pass by libxml2, requests written by it.
//
// Answers are foreign bytes: no DTD, no entities but the five, no network, bounded in depth, elements and size. MIME content is decoded
// while it is read, so a message is held once.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "storage/base/bytes.h"
#include "storage/base/result.h"

namespace kopial::ews {

// One element. Names are local names: prefixes are the sender's choice.
struct Node {
  std::string name;
  std::vector<std::pair<std::string, std::string>> attributes;
  std::string text;  // its own characters; of MimeContent and Data: the decoded bytes
  std::vector<Node> children;

  // The first descendant by that path of names; nullptr when there is none.
  const Node* at(std::initializer_list<std::string_view> path) const;
  const Node* child(std::string_view wanted) const { return at({wanted}); }
  Node* child(std::string_view wanted) { return const_cast<Node*>(at({wanted})); }
  std::string child_text(std::string_view name) const;  // "" when absent
  std::string attribute(std::string_view name) const;   // "" when absent
};

// Fails with unavailable when it is not well-formed to its end (cut short), and with invalid when it is what no honest server sends.
// Exchange writes control characters of subjects as references that XML forbids; they are read as spaces.
Result<Node> parse(Bytes xml);

// The element as XML again, with local names only: for keeping what could not be understood.
std::string serialize(const Node& node);

// A request under way. Elements are named with their prefix, "m:" or "t:".
class Writer {
 public:
  Writer();
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  Writer& open(const char* element);
  Writer& attribute(const char* name, std::string_view value);  // after `open`
  Writer& text(std::string_view text);
  Writer& base64(BytesView bytes);
  Writer& close();
  Writer& element(const char* name, std::string_view text) { return open(name).text(text).close(); }
  // What has been written; nothing may be written afterwards.
  std::string take();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kopial::ews
