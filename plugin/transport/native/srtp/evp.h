// SPDX-License-Identifier: LGPL-2.1-or-later
// OpenSSL's ciphers in the project's terms.
#pragma once

#include "common/result.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstddef>

namespace restream {

RESTREAM_FREE (EVP_CIPHER_CTX, EVP_CIPHER_CTX_free);

namespace transport::native {

// The reason OpenSSL left in this thread's queue, which is emptied.
inline Error
evp_error (const char *what)
{
  const char *reason = ERR_reason_error_string (ERR_peek_error ());
  Error error{Code::internal, reason ? reason : "OpenSSL gives no reason"};
  ERR_clear_error ();
  return error.wrap (what);
}

} // namespace transport::native
} // namespace restream
