// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/native/srtp/hmac-sha1.h"

#include <openssl/crypto.h>

namespace restream::transport::native {
namespace {

bool
start (SHA_CTX &state, std::span<const std::uint8_t> key, std::uint8_t pad)
{
  std::array<std::uint8_t, SHA_CBLOCK> block;
  block.fill (pad);
  for (std::size_t i = 0; i < key.size (); i++)
    block[i] ^= key[i];
  const bool done =
      SHA1_Init (&state) && SHA1_Update (&state, block.data (), block.size ());
  OPENSSL_cleanse (block.data (), block.size ());
  return done;
}

} // namespace

HmacSha1::HmacSha1 (std::span<const std::uint8_t> key) : inner_ (), outer_ ()
{
  valid_ = key.size () <= SHA_CBLOCK && start (inner_, key, 0x36)
      && start (outer_, key, 0x5c);
}

HmacSha1::~HmacSha1 ()
{
  OPENSSL_cleanse (&inner_, sizeof inner_);
  OPENSSL_cleanse (&outer_, sizeof outer_);
}

HmacSha1::Halves
HmacSha1::halves () const
{
  return {{inner_.h0, inner_.h1, inner_.h2, inner_.h3, inner_.h4},
      {outer_.h0, outer_.h1, outer_.h2, outer_.h3, outer_.h4}};
}

bool
HmacSha1::compute (std::span<const std::uint8_t> message,
    std::span<const std::uint8_t> trailer, Mac &mac) const
{
  if (!valid_)
    return false;
  SHA_CTX state = inner_;
  if (!SHA1_Update (&state, message.data (), message.size ())
      || !SHA1_Update (&state, trailer.data (), trailer.size ())
      || !SHA1_Final (mac.data (), &state))
    return false;
  state = outer_;
  return SHA1_Update (&state, mac.data (), mac.size ())
      && SHA1_Final (mac.data (), &state);
}

} // namespace restream::transport::native
