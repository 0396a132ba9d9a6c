// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/result.h"

#include <libsoup/soup.h>

#include <cstdint>
#include <functional>
#include <string>

namespace restream::load {

struct HttpReply
{
  unsigned status = 0;
  std::string status_text; // "404 Not Found"
  std::string content_type;
  std::string body;
  // Absolute, of the same origin as the request; else empty.
  std::string location;
  std::int64_t headers_us = 0; // when they came
};

// WHEP's HTTP as a viewer speaks it, over many connections. Redirections are not
// followed, proxies not used, and bodies not read beyond a bound.
// Thread: the thread-default context at construction.
class HttpClient
{
public:
  static constexpr std::size_t kMaxBodyBytes = 128 * 1024;
  static constexpr unsigned kMaxConnections = 256;

  struct Settings
  {
    std::string token;
    bool insecure = false;
    unsigned timeout_s = 15;
    unsigned connections = 1;
  };
  using Callback = std::function<void (Result<HttpReply>)>;

  explicit HttpClient (Settings settings);
  ~HttpClient ();
  HttpClient (const HttpClient &) = delete;
  HttpClient &operator= (const HttpClient &) = delete;

  // Calls back once, unless it is cancelled before.
  void post_offer (const std::string &url, const std::string &offer,
      Ref<GCancellable> cancellable, Callback callback);
  void remove (const std::string &session_url, Ref<GCancellable> cancellable,
      Callback callback);

  // Ends what is under way, with errors, and runs the context until it has ended.
  void finish ();

private:
  void send (Ref<SoupMessage> message, Ref<GCancellable> cancellable,
      Callback callback);

  const Settings settings_;
  Ref<SoupSession> session_;
  unsigned pending_ = 0;
};

// What an error's body says, in a line of bounded length without control characters.
// Empty: nothing that can be shown.
std::string problem_text (const HttpReply &reply);

} // namespace restream::load
