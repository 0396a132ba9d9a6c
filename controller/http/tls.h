// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/post.h"
#include "common/result.h"

#include <libsoup/soup.h>

#include <memory>
#include <string>

namespace restream {

// The certificate of a SoupServer, from two PEM files, and again whenever these change. What cannot be
// read leaves the one before. Thread: main; files are read on GLib's own.
class TlsFiles : public std::enable_shared_from_this<TlsFiles>
{
public:
  static constexpr unsigned kLookMs = 10000;

  // Sets the first certificate; an error if there is none to set.
  static Result<std::shared_ptr<TlsFiles>> create (SoupServer *server,
      std::string cert_file, std::string key_file, unsigned look_ms = kLookMs);
  // Looks now.
  void look ();

private:
  struct Found;
  struct Passkey
  {
  };

public:
  TlsFiles (Passkey, SoupServer *server, std::string cert_file,
      std::string key_file)
      : server_ (Ref<SoupServer>::retain (server)),
        cert_file_ (std::move (cert_file)), key_file_ (std::move (key_file))
  {
  }

private:
  static Found read (const std::string &cert_file, const std::string &key_file);
  void found (Found found);

  const Ref<SoupServer> server_;
  const std::string cert_file_, key_file_;
  std::string seen_; // digest of both files, as last tried
  bool looking_ = false;
  Timer timer_;
};

} // namespace restream
