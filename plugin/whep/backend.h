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

// What became of a fragment (RFC 8840).
struct IceReply
{
  bool restarted = false; // else it has but brought candidates
  std::string fragment; // of a restart: our side of it
};

// How long a viewer may take to answer what invite_viewer() sends it.
inline constexpr unsigned kCounterOfferSeconds = 30;

struct StreamState
{
  bool active = false; // media flows
  unsigned viewers = 0;
};

using AnswerCallback = std::function<void (Result<Answer>)>;
using IceCallback = std::function<void (Result<IceReply>)>;
using DoneCallback = std::function<void (Result<void>)>;

// What the WHEP server serves. Thread: all calls, and the callbacks, on the
// server's GMainContext. A callback is called exactly once, possibly before the call returns.
class Backend
{
public:
  virtual ~Backend () = default;
  // Is there such a stream? An error (not_found, …) is answered as it is, before the body is looked at.
  virtual Result<void> check_stream (const std::string &stream) = 0;
  // The Bearer token that requests about the stream must have; "" = none. Of streams that there are not, too.
  virtual std::string token (const std::string &stream) = 0;
  virtual StreamState state (const std::string &stream) = 0;

  virtual void add_viewer (OfferRequest request, AnswerCallback callback) = 0;
  // A viewer that is sent an offer (the answer's sdp) in place of its own, and is
  // removed if it does not answer that in kCounterOfferSeconds.
  virtual void invite_viewer (OfferRequest request,
      AnswerCallback callback) = 0;
  virtual void answer_viewer (const std::string &stream,
      const std::string &viewer_id, const std::string &answer,
      DoneCallback callback) = 0;
  // Candidates or an ICE restart. unprocessable: it cannot restart. On an error all is as it was.
  virtual void update_ice (const std::string &stream,
      const std::string &viewer_id, const std::string &fragment,
      IceCallback callback) = 0;
  // Never from inside add_viewer or its callback. The server knows the viewer no
  // more; to call Server::viewer_removed for it is harmless.
  virtual void remove_viewer (const std::string &stream,
      const std::string &viewer_id) = 0;
};

} // namespace restream::whep
