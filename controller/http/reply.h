// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/result.h"
#include "common/signal-conn.h"
#include "controller/json.h"

#include <libsoup/soup.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace restream {

// An error as the API's clients expect it.
struct ApiError
{
  unsigned status = 500;
  std::string message;
  std::string details; // one per line
};

// The answer to one request: given at once or later, exactly once. A client that
// has gone meanwhile is no error. Thread: main.
class Reply
{
public:
  explicit Reply (SoupServerMessage *message);
  Reply (const Reply &) = delete;
  Reply &operator= (const Reply &) = delete;

  void json (unsigned status, std::string body);
  void json (unsigned status, JsonWriter &&writer)
  {
    json (status, writer.take ());
  }
  void text (unsigned status, std::string body);
  void empty (unsigned status);
  // Any type; the body is as it is.
  void send (unsigned status, const char *type, std::string_view body);
  void error (const ApiError &error);
  void ok () { json (200, "\"OK\""); }

  bool answered () const { return answered_; }
  // The handler returns without an answer: the connection waits.
  void wait_if_unanswered ();

private:
  Ref<SoupServerMessage> message_;
  SignalConn finished_;
  bool answered_ = false;
  bool gone_ = false;
  bool paused_ = false;
};

} // namespace restream
