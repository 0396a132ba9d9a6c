// SPDX-License-Identifier: LGPL-2.1-or-later
// An I/O thread whose work a stream's thread does in its place.
#include "plugin/transport/native/io/io-thread.h"
#include "tests/transport/native/bursts.h"

#include <gst/gst.h>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include <semaphore>

using namespace restream;
using restream::transport::LinkCounters;
using restream::transport::MediaCounters;
using restream::transport::ViewerState;
using namespace restream::transport::native;

namespace {

constexpr std::int64_t kDeadlineUs = 20 * G_USEC_PER_SEC;
constexpr std::uint64_t kStream = 7;
constexpr std::uint64_t kSession = 3;

class Observer final : public SessionObserver
{
public:
  void session_state (ViewerState) override {}
  void session_ended (Error) override {}
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

struct Fixture
{
  Fixture ()
  {
    auto sockets = UdpSocket::open (0, 1);
    g_assert_true (sockets.has_value ());
    port = sockets->front ().port ();
    auto made =
        IoThread::create (0, std::move (sockets->front ()), {}, directory);
    g_assert_true (made.has_value ());
    thread = std::move (*made);
    run ([this] (IoThread &self) { self.open_stream (stream); });
  }
  // Returns when f has been run.
  void run (IoThread::Message f)
  {
    auto done = std::make_shared<std::binary_semaphore> (0);
    thread->post ([f = std::move (f), done] (IoThread &self) {
      f (self);
      done->release ();
    });
    done->acquire ();
  }
  bool push_now (std::uint16_t sequence)
  {
    return thread->push_now (kStream, video.make ({sequence}));
  }

  std::uint16_t port = 0;
  Directory directory;
  std::shared_ptr<SharedStream> stream =
      std::make_shared<SharedStream> (kStream, 1, transport::InstantStart{});
  BurstMaker video{Media::video};
  std::unique_ptr<IoThread> thread;
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
  f.run ([] (IoThread &) {});
}

void
does_not_wait_for_its_work ()
{
  std::binary_semaphore at_work (0), end (0); // the thread's to the end
  Fixture f;
  f.thread->post ([&] (IoThread &) {
    at_work.release ();
    end.acquire ();
  });
  at_work.acquire ();
  g_assert_false (f.push_now (1));
  end.release ();
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
  }
  static IceCredentials credentials ()
  {
    return {"ours", "abcdefghijklmnopqrstuvwxyz012345"};
  }
  void send ()
  {
    CheckResponder agent;
    const auto bytes =
        agent.make_check ("theirs", credentials ().ufrag, credentials ().pwd);
    g_assert_cmpint (::send (socket_.get (), bytes.data (), bytes.size (), 0),
        ==, bytes.size ());
  }
  bool is_answered (int timeout_ms)
  {
    pollfd answer{socket_.get (), POLLIN, 0};
    return poll (&answer, 1, timeout_ms) > 0;
  }
  void drain ()
  {
    std::uint8_t bytes[1500];
    while (recv (socket_.get (), bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
    }
  }

private:
  Descriptor socket_;
};

// The order to close it and a check for it are found at one waking.
void
closed_session_answers_no_check ()
{
  std::binary_semaphore at_work (0), end (0);
  Fixture f;
  auto observer = std::make_shared<Observer> ();
  f.run ([&] (IoThread &self) {
    self.enter (std::make_shared<Session> (
        SessionSettings{.id = kSession,
            .stream = kStream,
            .local = Checker::credentials (),
            .remote = {"theirs", "0123456789abcdefghijklmnopqrstuv"}},
        observer));
  });
  Checker checker (f.port);
  checker.send ();
  g_assert_true (checker.is_answered (kDeadlineUs / 1000));
  checker.drain ();

  f.thread->post ([&] (IoThread &) {
    at_work.release ();
    end.acquire ();
  });
  at_work.acquire ();
  f.thread->post ([] (IoThread &self) {
    self.with_session (kSession, [] (Session &session) { session.close (); });
  });
  checker.send ();
  end.release ();
  // The first may be heard at that waking, the second at a later one.
  f.run ([] (IoThread &) {});
  f.run ([] (IoThread &) {});
  g_assert_false (checker.is_answered (0));
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
  return g_test_run ();
}
