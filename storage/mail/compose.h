// Composing messages of our own, with mimetic. mimetic never sees foreign bytes here: it only writes.
#pragma once

#include <string>
#include <vector>

#include "storage/base/result.h"
#include "storage/mail/message_view.h"

namespace kopial {

struct Attachment {
  std::string filename;    // UTF-8; written by RFC 2231
  std::string media_type;  // "application/pdf"
  Bytes content;
};

struct Draft {
  MailAddress from;
  std::vector<MailAddress> to, cc;
  std::string subject;
  Time date;
  std::string message_id;  // without angle brackets
  std::string text;        // text/plain body, UTF-8
  std::string html;        // when not empty: multipart/alternative with the text
  std::vector<Attachment> attachments;
};

// RFC 5322 bytes with CRLF, 7-bit clean. Fails with invalid when a field would break a header (line ends, no @).
Result<Bytes> compose(const Draft& draft);

}  // namespace kopial
