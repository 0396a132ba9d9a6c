// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/negotiation/plan.h"
#include "plugin/transport/native/dtls/dtls-connection.h"
#include "plugin/transport/native/media-sender.h"
#include "plugin/transport/native/prefetch.h"
#include "plugin/transport/native/srtp/srtp-receiver.h"
#include "plugin/transport/native/stun/binding.h"
#include "plugin/transport/native/stun/path-probe.h"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace restream::transport::native {

class IoThread;

// What a session tells its viewer, and where it counts. Thread: the session's.
class SessionObserver
{
public:
  virtual ~SessionObserver () = default;
  virtual void session_state (ViewerState state) = 0;
  // It is over, for this reason, and will be gone.
  virtual void session_ended (Error reason) = 0;
  // Goodbye is said. It is over as well.
  virtual void session_drained () = 0;
  virtual MediaCounters &session_counters (Media media) = 0;
  virtual LinkCounters &session_link () = 0;
};

struct IceCredentials
{
  std::string ufrag;
  std::string pwd;
};

struct SessionSettings
{
  std::uint64_t id = 0; // of the process's life
  std::uint64_t stream = 0;
  IceCredentials local;
  IceCredentials remote;
  DtlsConnection::Role role = DtlsConnection::Role::client;
  std::shared_ptr<const DtlsIdentity> identity;
  std::vector<negotiation::Fingerprint> fingerprints; // the viewer's
  SenderSettings sender;
  std::int64_t silence_timeout_us = 0; // then it is over; 0 = never
};

// One viewer: ICE-lite agent, DTLS connection, SRTP keys and place in the stream. It sends
// nothing but to addresses from which an authentic connectivity check has come, no media
// before the viewer's certificate is the one of its offer, and none without consent (RFC 7675).
// Thread: that of the I/O thread it lives on, which may change before the first check.
class Session
{
public:
  Session (SessionSettings settings, std::shared_ptr<SessionObserver> observer);
  ~Session ();
  Session (const Session &) = delete;
  Session &operator= (const Session &) = delete;

  std::uint64_t id () const { return settings_.id; }
  std::uint64_t stream () const { return settings_.stream; }

  // Enters and leaves a thread.
  void attach (IoThread &thread, StreamFeed *feed);
  void detach ();
  // The stream has gone from the thread.
  void lose_stream () { feed_ = nullptr; }
  // A session that no check has come for yet can still move.
  bool can_move () const { return paths_.empty (); }

  // The password that goes with a ufrag of ours; null: it is none (any more), or the session has ended.
  const std::string *password_of (std::string_view local_ufrag) const;
  // An authentic check. name: of its USERNAME.
  void handle_check (const CheckName &name, const CheckResult &check,
      const Path &path);
  // One that was not.
  void reject ();
  // Anything else from an address that is bound to the session.
  void handle_datagram (std::span<std::uint8_t> bytes, const Path &path);

  // RTCP that seems to be the viewer's, from an address that is not bound to it. If it
  // is authentic, the address is asked for a proof.
  void handle_stray (std::span<std::uint8_t> bytes, const Path &path);
  // receiver: the thread that the answer came to.
  void handle_probe_answer (std::span<const std::uint8_t> bytes,
      const Path &path, IoThread &receiver);

  // Nothing comes or goes there any more.
  void lose_path (const Path &path);

  // Sends what the viewer is owed of a medium, as much as may go out now. true: there is more.
  bool serve (Media media);
  // serve() is soon to come: what it reads is fetched into the cache, in three steps of which
  // each needs what the one before has fetched.
  void prefetch () const { prefetch_bytes (&sender_, kServedBytes); }
  void prefetch_sender () const
  {
    if (sender_)
      sender_->prefetch ();
  }
  void prefetch (Media media) const
  {
    if (sender_)
      sender_->prefetch (media);
  }

  std::int64_t deadline_us () const;
  void handle_deadline ();

  // New credentials for the old path and new ones (RFC 8445, section 9): the
  // media goes on meanwhile. Both sets are valid until a check with the new one comes.
  void restart_ice (IceCredentials local, IceCredentials remote);
  // Sends what is owed, BYE and close_notify, then tells the observer.
  void drain (std::int64_t deadline_us);
  // BYE and close_notify at once; tells nobody.
  void close ();
  bool ended () const { return ended_; }
  // Where datagrams for it may come from, and with which ufrags.
  const std::vector<Path> &paths () const { return paths_; }
  // Lets datagrams of a path that come to another thread be forwarded to this one.
  void lend (const Path &path, IoThread &receiver);

  // The thread's own: when it will call, 0 = not; and whether it waits for its turn to
  // be sent more.
  std::int64_t scheduled_us = 0;
  bool owed = false;

private:
  void handle_dtls (std::span<std::uint8_t> bytes);
  // false: not authentic, or too early.
  bool handle_rtcp (std::span<std::uint8_t> bytes);
  void learn_path (const Path &path);
  void probe (const Path &path);
  void repeat_probe ();
  void end_probe ();
  void run_dtls ();
  void send_dtls ();
  void begin_media ();
  void set_state (ViewerState state);
  void hear ();
  void report ();
  void finish_drain ();
  void say_goodbye ();
  void end (Error reason);

  // What serve() looks at, together.
  alignas (kCacheLine) std::unique_ptr<MediaSender> sender_;
  IoThread *thread_ = nullptr;
  StreamFeed *feed_ = nullptr;
  std::int64_t consent_us_ = 0; // of the last sign of life; 0 = none yet
  std::int64_t drain_deadline_us_ = 0; // 0 = not draining
  std::int64_t next_report_us_ = 0;
  bool ended_ = false;
  std::optional<Path> path_; // the one in use
  static constexpr std::size_t kServedBytes = 2 * kCacheLine;

  const SessionSettings settings_;
  const std::shared_ptr<SessionObserver> observer_;
  ViewerState state_ = ViewerState::created;

  IceCredentials local_;
  IceCredentials remote_;
  std::optional<IceCredentials> old_local_;
  std::string old_remote_ufrag_;
  std::vector<Path> paths_; // proved by a check; the oldest is forgotten first
  bool nominated_ = false;
  std::vector<std::pair<Path, IoThread *>> lent_;
  std::unique_ptr<PathProbe> probe_;
  unsigned probes_sent_ = 0;
  std::int64_t next_probe_us_ = 0;
  std::optional<std::uint32_t> source_; // the SSRC of its RTCP
  std::int64_t born_us_ = 0;
  std::int64_t path_heard_us_ = 0; // the same of the path in use
  std::int64_t farewell_us_ = 0; // of a hint, since the last sign; 0 = none

  std::unique_ptr<DtlsConnection> dtls_;
  std::optional<SrtpReceiver> receiver_;
};

} // namespace restream::transport::native
