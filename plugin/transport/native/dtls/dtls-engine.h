// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/result.h"
#include "plugin/negotiation/plan.h"
#include "plugin/transport/native/srtp/srtp-profile.h"

#include <openssl/bio.h>
#include <openssl/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace restream::transport::native {

class DtlsIdentity;

// What a handshake gives to SRTP (RFC 5764 4.2). Copies are wiped when they go.
struct DtlsSrtpKeys
{
  SrtpProfile profile = SrtpProfile::aead_aes_128_gcm;
  SrtpKeys local; // what we send is protected by these
  SrtpKeys remote;
};

using DtlsDatagrams = std::vector<std::vector<std::uint8_t>>;

// An OpenSSL connection: records in, datagrams out, and its timer. OpenSSL does all
// that is DTLS; this is the BIO that keeps the borders of datagrams, the check of the
// fingerprint and the export of the keys. Stays where it was made.
//
// Thread: its connection's.
class DtlsEngine
{
public:
  enum class Progress
  {
    waiting = 1, // for more of the peer's
    done, // the handshake, just now
    closed, // by the peer
    failed, // error () says why; the alert is written
  };

  // The first timeout of a flight, and the longest that doubling leads to.
  static constexpr unsigned kFirstTimeoutUs = 50'000;
  static constexpr unsigned kLongestTimeoutUs = 2'000'000;

  // What OpenSSL writes is appended to out, which must outlive this.
  static Result<std::unique_ptr<DtlsEngine>> create (
      const DtlsIdentity &identity, bool we_are_client,
      std::vector<negotiation::Fingerprint> fingerprints, DtlsDatagrams &out);

  DtlsEngine (const DtlsEngine &) = delete;
  DtlsEngine &operator= (const DtlsEngine &) = delete;
  ~DtlsEngine ();

  // Takes one record, or none: then the client's first flight is made.
  Progress receive (std::span<const std::uint8_t> record);
  // How long the peer has to answer, if it has to.
  std::optional<std::int64_t> timeout_us () const;
  // After that: repeats the flight. False: often enough.
  bool repeat ();
  // Writes a close_notify. OpenSSL has none in the handshake.
  void shutdown ();

  // Is the peer's next record expected to be a sealed one?
  bool expects_sealed () const;
  // After done. Errors: forbidden, no profile in common.
  Result<DtlsSrtpKeys> keys () const;
  const std::string &error () const { return error_; }

  // For the identity.
  static BIO_METHOD *make_bio_method ();
  static int on_verify (X509_STORE_CTX *store, void *);
  static int on_client_hello (SSL *ssl, int *alert, void *);

private:
  DtlsEngine (std::vector<negotiation::Fingerprint> fingerprints,
      DtlsDatagrams &out);

  static int on_read (BIO *bio, char *data, int size);
  static int on_write (BIO *bio, const char *data, int size);
  static long on_control (BIO *bio, int command, long number, void *pointer);

  SSL *ssl_ = nullptr;
  bool we_are_client_ = false;
  bool verified_ = false; // the peer's certificate
  bool done_ = false;
  std::vector<negotiation::Fingerprint> fingerprints_;
  DtlsDatagrams &out_;
  std::span<const std::uint8_t> input_; // what OpenSSL has not read yet
  std::string error_;
};

} // namespace restream::transport::native
