// SPDX-License-Identifier: LGPL-2.1-or-later
// For the .cpp files of this room: who frees OpenSSL's objects, and what its
// error queue says. The queue belongs to the thread, which other users of OpenSSL
// share: it is left as empty as it must be found.
#pragma once

#include "common/result.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <string>
#include <string_view>

namespace restream {
RESTREAM_FREE (EVP_PKEY, EVP_PKEY_free);
RESTREAM_FREE (X509, X509_free);
} // namespace restream

namespace restream::transport::native {

// An empty error queue around a piece of work.
class OpenSslErrors
{
public:
  OpenSslErrors () { ERR_clear_error (); }
  OpenSslErrors (const OpenSslErrors &) = delete;
  OpenSslErrors &operator= (const OpenSslErrors &) = delete;
  ~OpenSslErrors () { ERR_clear_error (); }

  // "step: reason" of the first error in the queue.
  std::string describe (std::string_view step) const
  {
    const char *reason = ERR_reason_error_string (ERR_peek_error ());
    std::string what (step);
    what += ": ";
    what += reason ? reason : "no reason given";
    return what;
  }
  Error error (std::string_view step) const
  {
    return {Code::internal, describe (step)};
  }
};

} // namespace restream::transport::native
