// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/result.h"
#include "plugin/negotiation/plan.h"

#include <openssl/bio.h>
#include <openssl/types.h>

#include <cstdint>
#include <memory>

namespace restream::transport::native {

// Who we are towards the viewers: a self-signed certificate (ECDSA, P-256), and
// all that the connections made with it have in common. The owner makes a new one
// now and then; connections keep the one that they were made with.
//
// Thread: immutable, so any.
class DtlsIdentity
{
public:
  // Some milliseconds: not for an I/O thread.
  static Result<std::shared_ptr<const DtlsIdentity>> create ();

  DtlsIdentity (const DtlsIdentity &) = delete;
  DtlsIdentity &operator= (const DtlsIdentity &) = delete;
  ~DtlsIdentity ();

  // Of the certificate, SHA-256: for the answer.
  const negotiation::Fingerprint &fingerprint () const { return fingerprint_; }
  std::int64_t created_us () const { return created_us_; } // monotonic

  // For the connections.
  SSL_CTX *context () const { return context_; }
  const BIO_METHOD *datagrams () const { return datagrams_; }

private:
  DtlsIdentity () = default;

  Result<void> make_certificate ();
  Result<void> make_context ();

  SSL_CTX *context_ = nullptr;
  BIO_METHOD *datagrams_ = nullptr;
  negotiation::Fingerprint fingerprint_;
  std::int64_t created_us_ = 0;
};

} // namespace restream::transport::native
