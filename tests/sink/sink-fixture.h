// SPDX-License-Identifier: LGPL-2.1-or-later
// A rtprestreamsink in a pipeline, a source of RTP for its pads, and viewers made
// of webrtcbin that join by the add-viewer signal.
#pragma once

#include "common/media.h"
#include "common/ref.h"
#include "tests/support/webrtc-peer.h"

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

struct TCase; // of libcheck

namespace restream::sinktest {

// Far longer than anything takes that works.
inline constexpr unsigned kDeadlineS = 40;

// Runs the default context until the condition holds; fails the test, by name,
// if it does not within a time far longer than anything takes that works.
void wait_until (const std::string &what,
    const std::function<bool ()> &condition);
bool comes_true (const std::function<bool ()> &condition, unsigned seconds);

// Something that runs on by itself until its owner ends it. A check that fails jumps out of its test, past all
// destructors: without forks, what the test had is ended before the next one begins.
class Living
{
public:
  explicit Living (std::function<void ()> end);
  ~Living ();
  Living (const Living &) = delete;
  Living &operator= (const Living &) = delete;

  static bool end_all (); // the last one first; whether there was any

private:
  const unsigned id_;
};

// A promise whose reply is waited for.
class Reply
{
public:
  Reply ();
  // For one action signal.
  GstPromise *promise () const { return promise_.get (); }
  bool there () const;
  const GstStructure *wait () const;
  // Of an rtprestream-error; fails the test on any other reply.
  unsigned wait_status () const;
  std::string text (const char *field) const;

private:
  struct State;
  std::shared_ptr<State> state_;
  Ref<GstPromise> promise_;
};

struct SignalRecord
{
  std::string name; // "added", "state", "removed"
  std::string viewer_id;
  std::string detail; // the state, or the reason
};

struct SignalLog
{
  void add (SignalRecord record)
  {
    const std::lock_guard lock (mutex);
    records.push_back (std::move (record));
  }
  std::mutex mutex;
  std::vector<SignalRecord> records;
};

class Feed;

// Its sink has the transport of this run.
class Rig
{
public:
  struct Options
  {
    bool video = true;
    bool audio = true;
    bool start = true; // to PLAYING
    bool feed = true;
    // RTP encoding names. Other video than H264 is what an encoder once sent
    // (tests/codec/recorded).
    std::string video_codec = "H264";
    std::string audio_codec = "OPUS";
  };
  Rig () : Rig (Options ()) {}
  explicit Rig (Options options);
  ~Rig ();
  Rig (const Rig &) = delete;
  Rig &operator= (const Rig &) = delete;

  GstElement *sink () const { return sink_.get (); }
  GstElement *pipeline () const { return pipeline_.get (); }
  void set_state (GstState state); // must succeed, within a bound

  // Sends in real time, from a thread of its own, until it is stopped.
  void start_feed ();
  void stop_feed ();
  // A new sender: another SSRC, sequence, timestamp and payload type, from the next packet.
  void restart_source ();
  void push (Media media, const std::vector<std::uint8_t> &packet);
  bool push_event (Media media, GstEvent *event);
  void push_headers (Media media);
  // Of another codec, from now on.
  void push_caps (Media media, const std::string &encoding_name);
  // Without it the sink refuses viewers.
  void wait_media ();

  Reply add_viewer (const std::string &offer);
  Reply invite_viewer ();
  Reply answer_viewer (const std::string &id, const std::string &answer);
  Reply remove_viewer (const std::string &id);
  Reply drain (GstClockTime timeout);

  Owned<GstStructure> stats () const;
  std::uint64_t stat (const char *medium, const char *field) const;
  std::vector<SignalRecord> records () const;
  bool saw (const std::string &name, const std::string &id) const;
  std::string reason_of_removal (const std::string &id) const;
  // The next message of these types; fails the test if none comes.
  Ref<GstMessage> wait_message (GstMessageType types);

private:
  Options options_;
  Ref<GstElement> pipeline_, sink_;
  Ref<GstPad> pads_[kMediaCount];
  std::optional<Living> living_, feed_living_;
  std::shared_ptr<Feed> feed_;
  std::thread feeder_;
  const std::shared_ptr<SignalLog> log_ = std::make_shared<SignalLog> ();
};

// The statistics of one viewer, and a uint64 of them.
Owned<GstStructure> stats_of (const Rig &rig, const std::string &id);
std::uint64_t number (const Owned<GstStructure> &s, const char *field);

// A viewer: a webrtcbin of tests/support, and what it has told.
class Viewer
{
public:
  explicit Viewer (test::PeerOptions options = {});
  ~Viewer ();
  Viewer (const Viewer &) = delete;
  Viewer &operator= (const Viewer &) = delete;

  const std::string &offer ();
  // The whole way in: offer, add-viewer, answer. Fails the test on a refusal.
  void join (Rig &rig);
  // The same with what the sink is given instead of the viewer's own offer.
  void join_with (Rig &rig, const std::string &offer);
  // It answers the sink's offer, which is offer() then; as changed by change.
  void join_invited (Rig &rig,
      const std::function<std::string (std::string)> &change = {});
  void ask_for_keyframe ();
  void stop (); // without a word to the sink

  const std::string &id () const { return id_; }
  const std::string &answer () const { return answer_; }
  test::PeerStats stats () const;
  const test::RtpCounter &counter (Media media);
  void wait_media ();
  void wait_closed ();
  bool connected () const { return connected_; }
  bool has_media () const { return media_; }
  bool closed () const { return closed_us_ != 0; }
  std::int64_t closed_us () const { return closed_us_; }

private:
  std::shared_ptr<test::WebrtcPeer> peer_;
  std::optional<Living> living_;
  test::PeerStats last_;
  std::string offer_, id_, answer_, problem_;
  bool connected_ = false, media_ = false;
  std::int64_t closed_us_ = 0;
};

// The fixtures of tests that have viewers, around the process and around each test.
void add_viewer_fixtures (TCase *tc);
std::string read_source (const std::string &path); // of the source tree
// Entries of /proc/self/fd and /proc/self/task.
unsigned count_descriptors ();
unsigned count_threads ();
// Those of webrtcbin's own; those of pools stay, and keep the names of what they did last.
unsigned count_viewer_threads ();

} // namespace restream::sinktest
