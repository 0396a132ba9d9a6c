// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/result.h"

#include <functional>
#include <string>

namespace restream::whep {

struct OfferRequest
{
  std::string
      stream; // what follows the endpoint's prefix, unescaped; "" for a sink's only stream
  std::string offer; // SDP, not looked into yet
  bool loopback =
      false; // the request came over loopback: offer loopback candidates too
};

struct Answer
{
  std::string viewer_id; // the sink's id of the viewer; not a secret
  std::string sdp;
};

using AnswerCallback = std::function<void (Result<Answer>)>;

// What the WHEP server serves. Thread: all calls, and the callback, on the
// server's GMainContext.
class Backend
{
public:
  virtual ~Backend () = default;
  // Is there such a stream? An error (not_found, …) is answered as it is, before the body is looked at.
  virtual Result<void> check_stream (const std::string &stream) = 0;
  // Calls back exactly once, possibly before it returns.
  virtual void add_viewer (OfferRequest request, AnswerCallback callback) = 0;
  // Never from inside add_viewer or its callback. The server knows the viewer no
  // more; to call Server::viewer_removed for it is harmless.
  virtual void remove_viewer (const std::string &stream,
      const std::string &viewer_id) = 0;
};

} // namespace restream::whep
