// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/post.h"
#include "controller/auth/tokens.h"
#include "controller/http/router.h"
#include "plugin/whep/rate-limit.h"

#include <list>
#include <optional>
#include <string>

namespace restream {

struct LoginSettings
{
  std::string user, password;
  std::string
      secret; // of the tokens' signature; "" = another one at each start
  bool not_for_localhost = false; // who is on this machine needs no login
  unsigned delay_ms = 5000; // of the answer to a wrong password
};

// Who may use the API: the one user, who shows a token. A wrong password is answered late, and how often an
// address may try is bounded; others do not notice. Thread: main.
class Login
{
public:
  static constexpr unsigned kTriesPerSecond =
      2; // of one address; ten seconds' worth at once
  static constexpr std::size_t kMaxDelayed = 1000;

  explicit Login (LoginSettings settings);
  ~Login (); // who waits is answered now

  // For ApiServer::set_guard().
  std::optional<ApiError> check (const Request &request) const;
  // POST /api/login, GET /api/login/refresh
  void add_routes (Router &router);

private:
  void login (Request &request);
  void refresh (Request &request);
  void answer_later (std::shared_ptr<Reply> reply, ApiError error);
  bool has_token (const Request &request, TokenUse use) const;

  const LoginSettings settings_;
  const Tokens tokens_;
  whep::RateLimit tries_{kTriesPerSecond};
  struct Delayed
  {
    std::shared_ptr<Reply> reply;
    ApiError error;
    Timer timer;
  };
  std::list<Delayed> delayed_;
};

} // namespace restream
