// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/auth/tokens.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <jwt.h>
#include <memory>

namespace restream {

RESTREAM_FREE (jwt_t, jwt_free);

namespace {

constexpr const char *kIssuer = "datarhei-core"; // clients look at it

const char *
name_of (TokenUse use)
{
  return use == TokenUse::access ? "access" : "refresh";
}

long
lifetime_s (TokenUse use)
{
  return use == TokenUse::access ? 10 * 60 : 24 * 3600;
}

const unsigned char *
bytes_of (const std::string &key)
{
  return reinterpret_cast<const unsigned char *> (key.data ());
}

bool
has_grant (jwt_t *token, const char *name, const char *value)
{
  const char *text = jwt_get_grant (token, name);
  return text && strcmp (text, value) == 0;
}

} // namespace

Result<std::string>
Tokens::issue (TokenUse use, std::int64_t now_s) const
{
  Owned<jwt_t> token;
  Owned<char> id (g_uuid_string_random ());
  long now = long (now_s), lifetime = lifetime_s (use);
  // Its own statement: out () fills in at the end.
  int wrong = jwt_new (out (token));
  if (wrong != 0
      || jwt_set_alg (token.get (), JWT_ALG_HS256, bytes_of (key_),
             int (key_.size ()))
          != 0
      || jwt_add_grant (token.get (), "iss", kIssuer) != 0
      || jwt_add_grant (token.get (), "sub", user_.c_str ()) != 0
      || jwt_add_grant (token.get (), "usefor", name_of (use)) != 0
      || jwt_add_grant_int (token.get (), "iat", now) != 0
      || jwt_add_grant_int (token.get (), "exp", now + lifetime) != 0
      || jwt_add_grant_int (token.get (), "exi", lifetime) != 0
      || jwt_add_grant (token.get (), "jti", id.get ()) != 0)
    return Error{Code::internal, "cannot make a token"};
  std::unique_ptr<char, void (*) (void *)> text (jwt_encode_str (token.get ()),
      free);
  if (!text)
    return Error{Code::internal, "cannot sign a token"};
  return std::string (text.get ());
}

bool
Tokens::accepts (std::string_view token, TokenUse use, std::int64_t now_s) const
{
  if (token.empty () || token.size () > kMaxBytes
      || !std::all_of (token.begin (), token.end (),
          [] (char c) { return g_ascii_isalnum (c) || strchr ("-_.", c); }))
    return false;
  Owned<jwt_t> parsed;
  // With a key libjwt refuses what is not signed by it.
  int wrong = jwt_decode (out (parsed), std::string (token).c_str (),
      bytes_of (key_), int (key_.size ()));
  if (wrong != 0 || jwt_get_alg (parsed.get ()) != JWT_ALG_HS256)
    return false;
  return has_grant (parsed.get (), "iss", kIssuer)
      && has_grant (parsed.get (), "sub", user_.c_str ())
      && has_grant (parsed.get (), "usefor", name_of (use))
      && jwt_get_grant_int (parsed.get (), "exp") > now_s;
}

} // namespace restream
