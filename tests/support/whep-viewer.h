// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "tests/support/webrtc-peer.h"
#include "tests/support/whep-client.h"

namespace restream::test {

struct ViewerOptions
{
  std::string url;
  std::string name = "viewer";
  bool video = true;
  bool audio = true;
  bool vanish = false; // leave without a DELETE
  bool tcp_only = false; // ICE-TCP
  unsigned latency_ms = 200; // of the jitter buffer
};

// Times are g_get_monotonic_time(), 0: did not happen.
struct ViewerResult
{
  unsigned status = 0; // of the POST
  std::string problem; // of a refusal, or of what failed here; empty: none
  unsigned delete_status = 0;
  std::int64_t posted_us = 0, answered_us = 0, connected_us = 0, media_us = 0;
  std::int64_t closed_us = 0; // the server's DTLS close_notify
  PeerStats stats;
};

// A whole WHEP viewer: joins, counts, leaves. Thread: its context's.
class WhepViewer : public std::enable_shared_from_this<WhepViewer>
{
public:
  enum class Event
  {
    answered,
    refused,
    connected,
    media,
    closed,
    failed,
    left
  };
  using EventCallback = std::function<void (WhepViewer &, Event)>;

  // events is called on the context, never from within a call of a method.
  WhepViewer (GMainContext *context, WhepClient &client, ViewerOptions options,
      EventCallback events);

  void join ();
  // Ends in Event::left, once, whatever the state.
  void leave ();
  bool ended () const { return left_; }
  const ViewerOptions &options () const { return options_; }
  const std::string &session_url () const { return session_url_; }
  ViewerResult result () const;

private:
  void tell (Event event);
  void fail (const std::string &why);
  void offer_made (Result<std::string> offer);
  void answered (Result<HttpReply> reply);
  void peer_down ();

  Ref<GMainContext> context_;
  WhepClient &client_;
  ViewerOptions options_;
  EventCallback events_;
  std::shared_ptr<WebrtcPeer> peer_;
  std::string session_url_;
  ViewerResult result_;
  bool posting_ = false, leaving_ = false, left_ = false;
};

} // namespace restream::test
