// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/result.h"
#include "plugin/negotiation/plan.h"
#include "plugin/transport/native/srtp/srtp-profile.h"

#include <openssl/bio.h>
#include <openssl/types.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace restream::transport::native {

class DtlsIdentity;
class DtlsOutbox;

// What a handshake gives to SRTP (RFC 5764 4.2). Copies are wiped when they go.
struct DtlsSrtpKeys
{
  SrtpProfile profile = SrtpProfile::aead_aes_128_gcm;
  SrtpKeys local; // what we send is protected by these
  SrtpKeys remote;
};

// OpenSSL's connection for as long as the handshake takes: records in, the outbox
// filled. It has no timer: the owner repeats flights. Stays where it was made.
//
// Thread: its connection's.
class DtlsHandshake
{
public:
  enum class Progress
  {
    waiting = 1, // for more of the peer's
    done,
    closed, // by the peer
    failed, // error () says why
  };

  static Result<std::unique_ptr<DtlsHandshake>> create (
      const DtlsIdentity &identity, bool we_are_client,
      std::vector<negotiation::Fingerprint> fingerprints, DtlsOutbox &outbox);

  DtlsHandshake (const DtlsHandshake &) = delete;
  DtlsHandshake &operator= (const DtlsHandshake &) = delete;
  ~DtlsHandshake ();

  // Takes one record, or none: then the client's first flight is made.
  Progress step (std::span<const std::uint8_t> record);

  // Is the peer's next record expected to be a sealed one?
  bool expects_sealed () const;
  const SSL *ssl () const { return ssl_; }
  // After done. Errors: forbidden, no profile in common.
  Result<DtlsSrtpKeys> keys () const;
  const std::string &error () const { return error_; }

  // For the identity.
  static BIO_METHOD *make_bio_method ();
  static int on_verify (X509_STORE_CTX *store, void *);
  static int on_client_hello (SSL *ssl, int *alert, void *);

private:
  DtlsHandshake (std::vector<negotiation::Fingerprint> fingerprints,
      DtlsOutbox &outbox);

  static int on_read (BIO *bio, char *data, int size);
  static int on_write (BIO *bio, const char *data, int size);
  static long on_control (BIO *bio, int command, long number, void *pointer);

  SSL *ssl_ = nullptr;
  bool we_are_client_ = false;
  bool verified_ = false; // the peer's certificate
  std::vector<negotiation::Fingerprint> fingerprints_;
  DtlsOutbox &outbox_;
  std::span<const std::uint8_t> input_; // what OpenSSL has not read yet
  std::string error_;
};

} // namespace restream::transport::native
