// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/result.h"

#include <libsoup/soup.h>

#include <functional>
#include <memory>
#include <string>

namespace restream::test {

struct HttpReply
{
  unsigned status = 0;
  std::string content_type;
  std::string body;
  std::string location; // absolute; empty: none
  std::string etag;
  std::string retry_after;
};

// WHEP's HTTP as a viewer speaks it. Thread: the thread-default context at
// construction. Pending calls end with an error when the client goes.
class WhepClient
{
public:
  using Callback = std::function<void (Result<HttpReply>)>;

  WhepClient ();
  ~WhepClient ();
  WhepClient (const WhepClient &) = delete;
  WhepClient &operator= (const WhepClient &) = delete;

  void post_offer (const std::string &url, const std::string &offer,
      Callback callback);
  void remove (const std::string &session_url, Callback callback);

private:
  void send (Ref<SoupMessage> message, Callback callback);

  Ref<SoupSession> session_;
  Ref<GCancellable> cancellable_;
};

// RFC 9457: what a reader wants of a problem body; else its first line.
std::string problem_text (const HttpReply &reply);

} // namespace restream::test
