// SPDX-License-Identifier: LGPL-2.1-or-later
// An I/O thread whose work a stream's thread does in its place, and the checks of sessions that end or move.
#include "plugin/transport/native/io/io-thread.h"
#include "tests/transport/native/bursts.h"

#include "common/bytes.h"

#include <gst/gst.h>
#include <stun/usages/ice.h>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <optional>
#include <semaphore>
#include <string>
#include <vector>

using namespace restream;
using restream::transport::LinkCounters;
using restream::transport::MediaCounters;
using restream::transport::ViewerState;
using namespace restream::transport::native;

namespace {

// Shorter than a DTLS handshake may take: then the session would end.
constexpr std::int64_t kDeadlineUs = 10 * G_USEC_PER_SEC;
constexpr std::uint64_t kStream = 7;
constexpr std::uint64_t kSession = 3;

class Observer final : public SessionObserver
{
public:
  void session_state (ViewerState) override {}
  void session_ended (Error reason) override
  {
    g_error ("a session has ended: %s", reason.what.c_str ());
  }
  void session_drained () override {}
  MediaCounters &session_counters (Media media) override
  {
    return counters_[index_of (media)];
  }
  LinkCounters &session_link () override { return link_; }

private:
  std::array<MediaCounters, kMediaCount> counters_;
  LinkCounters link_;
};

// Returns when f has been run.
void
run (IoThread &thread, IoThread::Message f)
{
  auto done = std::make_shared<std::binary_semaphore> (0);
  thread.post ([f = std::move (f), done] (IoThread &self) {
    f (self);
    done->release ();
  });
  done->acquire ();
}

struct Fixture
{
  explicit Fixture (unsigned threads_wanted = 1)
  {
    auto sockets = UdpSocket::open (0, threads_wanted);
    g_assert_true (sockets.has_value ());
    port = sockets->front ().port ();
    for (unsigned i = 0; i < threads_wanted; i++) {
      auto made =
          IoThread::create (i, std::move (sockets->at (i)), {}, directory);
      g_assert_true (made.has_value ());
      threads.push_back (std::move (*made));
      run (*threads.back (),
          [this] (IoThread &self) { self.open_stream (stream); });
    }
  }
  // Sessions of one thread may still speak to another: all end before any is freed.
  ~Fixture ()
  {
    for (auto &each : threads)
      each->stop ();
    for (auto &each : threads)
      each->join ();
  }
  IoThread &thread () { return *threads.front (); }
  bool push_now (std::uint16_t sequence)
  {
    return thread ().push_now (kStream, video.make ({sequence}));
  }

  std::uint16_t port = 0;
  Directory directory;
  std::shared_ptr<SharedStream> stream =
      std::make_shared<SharedStream> (kStream, 2, transport::InstantStart{});
  BurstMaker video{Media::video};
  std::vector<std::unique_ptr<IoThread>> threads;
};

// The thread is held in the middle of its work, from the first line to the end of its life.
class Hold
{
public:
  explicit Hold (IoThread &thread)
  {
    thread.post ([begun = begun_, end = end_] (IoThread &) {
      begun->release ();
      end->acquire ();
    });
  }
  ~Hold () { end_->release (); }
  void wait_begun () { begun_->acquire (); }

private:
  using Semaphore = std::shared_ptr<std::binary_semaphore>;
  Semaphore begun_ = std::make_shared<std::binary_semaphore> (0);
  Semaphore end_ = std::make_shared<std::binary_semaphore> (0);
};

void
pushes_while_it_waits ()
{
  Fixture f;
  // It may be on its way to bed still.
  const std::int64_t deadline = g_get_monotonic_time () + kDeadlineUs;
  std::uint16_t sequence = 1;
  while (!f.push_now (sequence++))
    g_assert_cmpint (g_get_monotonic_time (), <, deadline);
  // It has slept on, and still hears what is posted.
  run (f.thread (), [] (IoThread &) {});
}

void
does_not_wait_for_its_work ()
{
  Fixture f;
  Hold hold (f.thread ());
  hold.wait_begun ();
  g_assert_false (f.push_now (1));
}

// A viewer's socket, before a session with these credentials.
class Checker
{
public:
  explicit Checker (std::uint16_t port)
      : socket_ (::socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0))
  {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons (port);
    to.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
    g_assert_cmpint (
        connect (socket_.get (), reinterpret_cast<sockaddr *> (&to), sizeof to),
        ==, 0);
    static const std::uint16_t known[] = {STUN_ATTRIBUTE_USERNAME,
        STUN_ATTRIBUTE_MESSAGE_INTEGRITY, 0};
    stun_agent_init (&agent_, known, STUN_COMPATIBILITY_RFC5389,
        static_cast<StunAgentUsageFlags> (
            STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS
            | STUN_AGENT_USAGE_USE_FINGERPRINT));
  }
  static IceCredentials credentials (const std::string &ufrag = "ours")
  {
    return {ufrag, "abcdefghijklmnopqrstuvwxyz012345"};
  }
  void send (const std::string &ufrag = "ours")
  {
    const std::string name = ufrag + ":theirs", password = credentials ().pwd;
    StunMessage message{};
    std::array<std::uint8_t, 1500> bytes;
    const std::size_t size = stun_usage_ice_conncheck_create (&agent_, &message,
        bytes.data (), bytes.size (),
        reinterpret_cast<const std::uint8_t *> (name.data ()), name.size (),
        reinterpret_cast<const std::uint8_t *> (password.data ()),
        password.size (), false, true, kPriority, kTieBreaker, nullptr,
        STUN_USAGE_ICE_COMPATIBILITY_RFC5245);
    g_assert_cmpint (::send (socket_.get (), bytes.data (), size, 0), ==, size);
    StunTransactionId id;
    stun_message_id (&message, id);
    stun_agent_forget_transaction (&agent_, id);
  }
  // The answers that come until there are so many, or the time is over.
  unsigned answers (unsigned enough, std::int64_t time_us)
  {
    const std::int64_t end = g_get_monotonic_time () + time_us;
    unsigned n = 0;
    pollfd answer{socket_.get (), POLLIN, 0};
    const auto left_ms = [end] {
      return static_cast<int> (
          std::max<std::int64_t> (end - g_get_monotonic_time (), 0) / 1000);
    };
    while (n < enough && poll (&answer, 1, left_ms ()) > 0) {
      std::uint8_t bytes[1500];
      const ssize_t got = recv (socket_.get (), bytes, sizeof bytes, 0);
      g_assert_cmpint (got, >=, 2);
      if (be16 (bytes, 0) == 0x0101) // a success response
        n++;
    }
    return n;
  }

private:
  static constexpr std::uint32_t kPriority = 0x6e7f1eff;
  static constexpr std::uint64_t kTieBreaker = 0x0123456789abcdef;

  Descriptor socket_;
  StunAgent agent_;
};

std::shared_ptr<Session>
make_session (std::uint64_t id, const std::string &ufrag)
{
  auto identity = DtlsIdentity::create ();
  g_assert_true (identity.has_value ());
  return std::make_shared<Session> (
      SessionSettings{.id = id,
          .stream = kStream,
          .local = Checker::credentials (ufrag),
          .remote = {"theirs", "0123456789abcdefghijklmnopqrstuv"},
          .identity = *identity,
          .fingerprints = {(*identity)->fingerprint ()}},
      std::make_shared<Observer> ());
}

// The order to close it and a check for it are found at one waking.
void
closed_session_answers_no_check ()
{
  Fixture f;
  run (f.thread (),
      [] (IoThread &self) { self.enter (make_session (kSession, "ours")); });
  Checker checker (f.port);
  checker.send ();
  g_assert_cmpuint (checker.answers (1, kDeadlineUs), ==, 1);

  {
    Hold hold (f.thread ());
    hold.wait_begun ();
    f.thread ().post ([] (IoThread &self) {
      self.with_session (kSession, [] (Session &session) { session.close (); });
    });
    checker.send ();
  }
  // It may be heard at that waking or at a later one.
  run (f.thread (), [] (IoThread &) {});
  run (f.thread (), [] (IoThread &) {});
  g_assert_cmpuint (checker.answers (1, 0), ==, 0);
}

// A session moves to where its viewer's checks come in: those that come meanwhile find it.
void
checks_while_the_session_moves_are_answered ()
{
  Fixture f (2);
  IoThread &home = *f.threads[0], &there = *f.threads[1];
  // A socket whose packets the kernel gives to the other thread.
  std::optional<Checker> checker;
  std::uint64_t session = 0;
  do {
    g_assert_cmpuint (session, <, 64); // the kernel spreads them by address
    const std::string ufrag = "find" + std::to_string (++session);
    run (home,
        [&] (IoThread &self) { self.enter (make_session (session, ufrag)); });
    checker.emplace (f.port);
    checker->send (ufrag);
    g_assert_cmpuint (checker->answers (1, kDeadlineUs), ==, 1);
  } while (there.load () == 0);

  run (home,
      [&] (IoThread &self) { self.enter (make_session (++session, "moves")); });
  std::optional<Hold> at_home (home);
  at_home->wait_begun ();
  checker->send ("moves");
  checker->send ("moves");
  // Its socket is read after the first one, at the latest: both are on their way home.
  run (there, [] (IoThread &) {});
  run (there, [] (IoThread &) {});
  std::optional<Hold> before_it_comes (there);
  before_it_comes->wait_begun ();
  at_home.reset ();
  run (home, [] (IoThread &) {});
  before_it_comes.reset ();
  g_assert_cmpuint (checker->answers (2, kDeadlineUs), ==, 2);
}

} // namespace

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  gst_init (&argc, &argv);
  g_test_add_func ("/io-thread/push-now", pushes_while_it_waits);
  g_test_add_func ("/io-thread/push-now/at-work", does_not_wait_for_its_work);
  g_test_add_func ("/io-thread/closed-session",
      closed_session_answers_no_check);
  g_test_add_func ("/io-thread/moving-session",
      checks_while_the_session_moves_are_answered);
  return g_test_run ();
}
