// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/native/srtp/srtp-profile.h"

#include <openssl/crypto.h>

#include <algorithm>

namespace restream::transport::native {

std::optional<SrtpProfile>
srtp_profile_from (unsigned number)
{
  switch (number) {
    case 0x0001:
      return SrtpProfile::aes128_cm_sha1_80;
    case 0x0007:
      return SrtpProfile::aead_aes_128_gcm;
    case 0x0008:
      return SrtpProfile::aead_aes_256_gcm;
  }
  return std::nullopt;
}

const char *
name_of (SrtpProfile profile)
{
  switch (profile) {
    case SrtpProfile::aes128_cm_sha1_80:
      return "AES_CM_128_HMAC_SHA1_80";
    case SrtpProfile::aead_aes_128_gcm:
      return "AEAD_AES_128_GCM";
    case SrtpProfile::aead_aes_256_gcm:
      return "AEAD_AES_256_GCM";
  }
  return "unknown";
}

SrtpKeys::~SrtpKeys ()
{
  OPENSSL_cleanse (key.data (), key.size ());
  OPENSSL_cleanse (salt.data (), salt.size ());
}

Result<SrtpKeys>
SrtpKeys::from (SrtpProfile profile, std::span<const std::uint8_t> key,
    std::span<const std::uint8_t> salt)
{
  if (!srtp_profile_from (static_cast<unsigned> (profile)))
    return Error{Code::bad_request, "unknown SRTP profile"};
  if (key.size () != srtp_master_key_size (profile))
    return Error{Code::bad_request, "SRTP master key of the wrong size"};
  if (salt.size () != srtp_master_salt_size (profile))
    return Error{Code::bad_request, "SRTP master salt of the wrong size"};
  SrtpKeys keys;
  keys.profile = profile;
  std::copy (key.begin (), key.end (), keys.key.begin ());
  std::copy (salt.begin (), salt.end (), keys.salt.begin ());
  return keys;
}

Result<SrtpKeyPair>
split_dtls_keys (SrtpProfile profile, std::span<const std::uint8_t> material)
{
  if (material.size () != srtp_keying_size (profile))
    return Error{Code::bad_request, "SRTP keying material of the wrong size"};
  const std::size_t key = srtp_master_key_size (profile),
                    salt = srtp_master_salt_size (profile);
  auto client = SrtpKeys::from (profile, material.first (key),
      material.subspan (2 * key, salt));
  if (!client)
    return client.error ();
  auto server = SrtpKeys::from (profile, material.subspan (key, key),
      material.last (salt));
  if (!server)
    return server.error ();
  return SrtpKeyPair{*client, *server};
}

} // namespace restream::transport::native
