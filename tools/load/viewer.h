// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "tools/load/http-client.h"
#include "tools/load/worker.h"

#include <functional>
#include <memory>
#include <string>

namespace restream::load {

// What all viewers share; outlives them.
struct ViewerWorld
{
  std::string url;
  std::vector<std::string> addresses; // ours, as the server sees them
  std::shared_ptr<const transport::native::DtlsIdentity> identity;
  HttpClient *http = nullptr;
  // Something that concerns the whole has happened to a viewer.
  std::function<void ()> changed;
};

// One viewer's signalling: POST, the answer to its peer, DELETE.
//
//   idle ─► posting ─► connecting ─► playing ─► left
//              └───────────┴────► failed ◄┘
//
// Thread: the main one.
class Viewer
{
public:
  enum class State
  {
    idle = 1,
    posting,
    connecting,
    playing,
    failed, // reason () says why
    left
  };

  Viewer (unsigned id, bool full, ViewerWorld &world, Worker &worker);
  ~Viewer ();
  Viewer (const Viewer &) = delete;
  Viewer &operator= (const Viewer &) = delete;

  void join ();
  // What its peer tells.
  void peer_playing (const PeerTimes &times);
  void peer_ended (const PeerTimes &times, const std::string &reason);
  // Fails one who has not got media.
  void expire (const std::string &after);
  // Its DELETE is on its way until is_leaving () says no.
  void leave ();

  State state () const { return state_; }
  bool is_joining () const
  {
    return state_ == State::posting || state_ == State::connecting;
  }
  bool is_leaving () const { return deleting_; }
  // Got media, whatever came later.
  bool has_played () const { return played_; }
  const std::string &reason () const { return reason_; }
  std::int64_t posted_us () const { return posted_us_; }
  std::int64_t answered_us () const { return answered_us_; }
  const PeerTimes &times () const { return times_; }
  // Empty: none, up to now.
  const std::string &delete_problem () const { return delete_problem_; }

private:
  void handle_reply (Result<HttpReply> reply);
  void fail (std::string reason);
  void send_delete ();

  const unsigned id_;
  const bool full_;
  ViewerWorld &world_;
  Worker &worker_;
  Ref<GCancellable> cancellable_;
  std::unique_ptr<Peer> peer_; // until it goes to the worker
  State state_ = State::idle;
  std::string reason_;
  std::string session_url_;
  std::int64_t posted_us_ = 0, answered_us_ = 0; // 0: did not happen
  PeerTimes times_;
  bool played_ = false, deleting_ = false;
  std::string delete_problem_;
};

} // namespace restream::load
