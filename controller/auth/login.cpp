// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/auth/login.h"

#include "common/random.h"
#include "plugin/whep/bearer.h"
#include "plugin/whep/peer.h"

namespace restream {

namespace {

const ApiError kNoToken{401, "Unauthorized", "Missing or invalid JWT token"};

std::string
key_of (const LoginSettings &settings)
{
  return settings.user + settings.password
      + (settings.secret.empty () ? random_token (32) : settings.secret);
}

std::int64_t
now_s ()
{
  return g_get_real_time () / G_USEC_PER_SEC;
}

} // namespace

Login::Login (LoginSettings settings)
    : settings_ (std::move (settings)),
      tokens_ (settings_.user, key_of (settings_))
{
}

Login::~Login ()
{
  for (Delayed &waiting : delayed_)
    waiting.reply->error (waiting.error);
}

bool
Login::has_token (const Request &request, TokenUse use) const
{
  const char *header = soup_message_headers_get_one (
      soup_server_message_get_request_headers (request.message),
      "Authorization");
  if (!header || g_ascii_strncasecmp (header, "Bearer ", 7) != 0)
    return false;
  std::string_view token = header + 7;
  while (token.starts_with (' '))
    token.remove_prefix (1);
  return tokens_.accepts (token, use, now_s ());
}

std::optional<ApiError>
Login::check (const Request &request) const
{
  // Behind a proxy on this machine clients have addresses of their own.
  bool local = whep::is_loopback (request.message)
      && whep::client_of (request.message).empty ();
  if ((settings_.not_for_localhost && local)
      || has_token (request, TokenUse::access))
    return std::nullopt;
  return kNoToken;
}

void
Login::add_routes (Router &router)
{
  router.add ({"POST", "/api/login", [this] (Request &r) { login (r); },
      Effect::read, Access::everyone});
  router.get (
      "/api/login/refresh", [this] (Request &r) { refresh (r); },
      Access::everyone);
}

void
Login::login (Request &request)
{
  std::string client = whep::client_of (request.message);
  if (unsigned wait_s = tries_.ask (client, g_get_monotonic_time ());
      wait_s > 0 || delayed_.size () >= kMaxDelayed) {
    soup_message_headers_replace (
        soup_server_message_get_response_headers (request.message),
        "Retry-After", std::to_string (std::max (wait_s, 1u)).c_str ());
    return request.reply->error ({429, "Too Many Requests", "too many logins"});
  }
  auto body = request.json ();
  std::string user, password;
  bool complete = body && JSON_NODE_HOLDS_OBJECT (body->get ());
  if (complete) {
    JsonReader reader (json_node_get_object (body->get ()), "");
    complete = reader.get ("username", user)
        && reader.get ("password", password) && !user.empty ()
        && !password.empty ();
  }
  if (!complete)
    return answer_later (request.reply,
        {400, "Bad Request", "Missing authorization credentials"});
  // Both are compared, always.
  bool known = whep::equal_in_constant_time (user, settings_.user);
  bool right = whep::equal_in_constant_time (password, settings_.password);
  if (!known || !right)
    return answer_later (request.reply,
        {401, "Unauthorized",
            "Invalid authorization credentials: invalid username or password"});
  auto access = tokens_.issue (TokenUse::access, now_s ());
  auto refresh = tokens_.issue (TokenUse::refresh, now_s ());
  if (!access || !refresh)
    return request.reply->error (
        {500, "Internal Server Error", "Failed to create JWT"});
  JsonWriter json;
  json.begin_object ()
      .member ("access_token", *access)
      .member ("refresh_token", *refresh)
      .end_object ();
  request.reply->json (200, std::move (json));
}

void
Login::refresh (Request &request)
{
  if (!has_token (request, TokenUse::refresh))
    return request.reply->error (kNoToken);
  auto access = tokens_.issue (TokenUse::access, now_s ());
  if (!access)
    return request.reply->error (
        {500, "Internal Server Error", "Failed to create JWT"});
  JsonWriter json;
  json.begin_object ().member ("access_token", *access).end_object ();
  request.reply->json (200, std::move (json));
}

void
Login::answer_later (std::shared_ptr<Reply> reply, ApiError error)
{
  auto slot = delayed_.insert (delayed_.end (),
      {std::move (reply), std::move (error), Timer ()});
  slot->timer = Timer (nullptr, settings_.delay_ms, [this, slot] {
    slot->reply->error (slot->error);
    delayed_.erase (slot); // GLib keeps the closure until it returns
    return false;
  });
}

} // namespace restream
