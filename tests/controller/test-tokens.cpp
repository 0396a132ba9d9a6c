// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/auth/tokens.h"
#include "controller/json.h"

#include <cstring>
#include <string>

using namespace restream;

namespace {

constexpr std::int64_t kNow = 1700000000;

std::string
base64url (const std::string &bytes)
{
  Owned<char> text (g_base64_encode (
      reinterpret_cast<const guchar *> (bytes.data ()), bytes.size ()));
  std::string url = text.get ();
  for (char &c : url)
    c = c == '+' ? '-' : c == '/' ? '_' : c;
  return url.substr (0, url.find ('='));
}

std::string
unbase64url (std::string text)
{
  for (char &c : text)
    c = c == '-' ? '+' : c == '_' ? '/' : c;
  text.append ((4 - text.size () % 4) % 4, '=');
  gsize size = 0;
  guchar *bytes = g_base64_decode (text.c_str (), &size);
  std::string result (reinterpret_cast<char *> (bytes), size);
  g_free (bytes);
  return result;
}

// By hand, so that libjwt is not its own judge.
std::string
signed_token (const std::string &header, const std::string &payload,
    const std::string &key, GChecksumType type = G_CHECKSUM_SHA256)
{
  std::string text = base64url (header) + "." + base64url (payload);
  guint8 digest[64];
  gsize size = sizeof digest;
  GHmac *hmac = g_hmac_new (type,
      reinterpret_cast<const guchar *> (key.data ()), key.size ());
  g_hmac_update (hmac, reinterpret_cast<const guchar *> (text.data ()),
      gssize (text.size ()));
  g_hmac_get_digest (hmac, digest, &size);
  g_hmac_unref (hmac);
  return text + "."
      + base64url (std::string (reinterpret_cast<char *> (digest), size));
}

const std::string kHeader = R"({"alg":"HS256","typ":"JWT"})";

std::string
payload (const std::string &use, std::int64_t expires,
    const std::string &user = "user",
    const std::string &issuer = "datarhei-core")
{
  return R"({"iss":")" + issuer + R"(","sub":")" + user + R"(","usefor":")"
      + use + R"(","exp":)" + std::to_string (expires) + "}";
}

void
claims ()
{
  Tokens tokens ("user", "key");
  for (auto [use, name, lifetime] :
      {std::tuple (TokenUse::access, "access", 600),
          std::tuple (TokenUse::refresh, "refresh", 86400)}) {
    std::string token = *tokens.issue (use, kNow);
    std::size_t dot = token.find ('.');
    std::string text =
        unbase64url (token.substr (dot + 1, token.rfind ('.') - dot - 1));
    auto root = parse_json (text);
    g_assert_true (root.has_value ());
    JsonObject *object = json_node_get_object (root->get ());
    auto is = [&] (const char *claim, const char *value) {
      g_assert_cmpstr (json_object_get_string_member (object, claim), ==,
          value);
    };
    is ("iss", "datarhei-core");
    is ("sub", "user");
    is ("usefor", name);
    g_assert_cmpint (json_object_get_int_member (object, "iat"), ==, kNow);
    g_assert_cmpint (json_object_get_int_member (object, "exp"), ==,
        kNow + lifetime);
    g_assert_cmpint (json_object_get_int_member (object, "exi"), ==, lifetime);
    g_assert_cmpuint (strlen (json_object_get_string_member (object, "jti")),
        ==, 36);
    // Anybody with the key can tell.
    std::string header = unbase64url (token.substr (0, dot));
    g_assert_true (signed_token (header, text, "key") == token);
    TokenUse other =
        use == TokenUse::access ? TokenUse::refresh : TokenUse::access;
    g_assert_true (tokens.accepts (token, use, kNow));
    g_assert_true (tokens.accepts (token, use, kNow + lifetime - 1));
    g_assert_false (tokens.accepts (token, use, kNow + lifetime));
    g_assert_false (tokens.accepts (token, other, kNow));
    g_assert_false (Tokens ("user", "other").accepts (token, use, kNow));
    g_assert_false (Tokens ("other", "key").accepts (token, use, kNow));
  }
  g_assert_true (*tokens.issue (TokenUse::access, kNow)
      != *tokens.issue (TokenUse::access, kNow));
}

void
forged ()
{
  Tokens tokens ("user", "key");
  auto accepts = [&] (const std::string &token) {
    return tokens.accepts (token, TokenUse::access, kNow);
  };
  std::string good = payload ("access", kNow + 10);
  g_assert_true (accepts (signed_token (kHeader, good, "key")));
  g_assert_false (accepts (signed_token (kHeader, good, "")));
  g_assert_false (accepts (
      signed_token (kHeader, payload ("access", kNow + 10, "root"), "key")));
  g_assert_false (accepts (signed_token (kHeader,
      payload ("access", kNow + 10, "user", "someone"), "key")));
  g_assert_false (
      accepts (signed_token (kHeader, payload ("x", kNow + 10), "key")));
  // Unsigned, signed otherwise, without claims, of wrong types.
  std::string none = R"({"alg":"none","typ":"JWT"})";
  g_assert_false (accepts (base64url (none) + "." + base64url (good) + "."));
  g_assert_false (accepts (signed_token (none, good, "key")));
  g_assert_false (accepts (signed_token (R"({"alg":"HS512","typ":"JWT"})", good,
      "key", G_CHECKSUM_SHA512)));
  g_assert_false (accepts (signed_token (kHeader, "{}", "key")));
  g_assert_false (accepts (signed_token (kHeader, "[]", "key")));
  g_assert_false (accepts (signed_token (kHeader,
      R"({"iss":"datarhei-core","sub":"user","usefor":"access"})", "key")));
  g_assert_false (accepts (signed_token (kHeader,
      R"({"iss":1,"sub":{},"usefor":[],"exp":"later"})", "key")));
  // What is no token at all.
  std::string token = signed_token (kHeader, good, "key");
  for (std::size_t i = 0; i < token.size (); i++)
    g_assert_false (accepts (token.substr (0, i)));
  for (const std::string &text :
      {std::string (".."), std::string ("..."), token + ".", "." + token,
          token + " ", std::string ("\xff\x00.", 3), std::string (100000, 'x')})
    g_assert_false (accepts (text));
  for (std::size_t i = 0; i < token.size (); i++) {
    std::string other = token;
    other[i] = other[i] == 'A' ? 'Q' : 'A';
    // The last letter has bits that mean nothing.
    g_assert_true (!accepts (other) || i + 1 == token.size ());
  }
}

} // namespace

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/tokens/claims", claims);
  g_test_add_func ("/tokens/forged", forged);
  return g_test_run ();
}
