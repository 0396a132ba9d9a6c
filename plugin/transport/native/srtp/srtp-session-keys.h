// SPDX-License-Identifier: LGPL-2.1-or-later
// From master keys to session keys (RFC 3711 4.3, RFC 6188, RFC 7714 11).
// Values only: any thread.
#pragma once

#include "plugin/transport/native/srtp/srtp-profile.h"

namespace restream::transport::native {

enum class SrtpUse : std::uint8_t
{
  rtp = 1,
  rtcp,
};

struct SrtpSessionKeys
{
  std::array<std::uint8_t, 32> key{}; // the first srtp_master_key_size () count
  std::array<std::uint8_t, 20> auth{}; // of HMAC-SHA1; unused by an AEAD
  std::array<std::uint8_t, 14>
      salt{}; // the first srtp_master_salt_size () count

  SrtpSessionKeys () = default;
  SrtpSessionKeys (const SrtpSessionKeys &) = default;
  SrtpSessionKeys &operator= (const SrtpSessionKeys &) = default;
  ~SrtpSessionKeys ();
};

Result<SrtpSessionKeys> derive_session_keys (const SrtpKeys &master,
    SrtpUse use);

} // namespace restream::transport::native
