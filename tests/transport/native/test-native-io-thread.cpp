// SPDX-License-Identifier: LGPL-2.1-or-later
// An I/O thread whose work a stream's thread does in its place.
#include "plugin/transport/native/io/io-thread.h"
#include "tests/transport/native/bursts.h"

#include <gst/gst.h>

#include <semaphore>

using namespace restream;
using namespace restream::transport::native;

namespace {

constexpr std::int64_t kDeadlineUs = 20 * G_USEC_PER_SEC;
constexpr std::uint64_t kStream = 7;

struct Fixture
{
  Fixture ()
  {
    auto sockets = UdpSocket::open (0, 1);
    g_assert_true (sockets.has_value ());
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

} // namespace

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  gst_init (&argc, &argv);
  g_test_add_func ("/io-thread/push-now", pushes_while_it_waits);
  g_test_add_func ("/io-thread/push-now/at-work", does_not_wait_for_its_work);
  return g_test_run ();
}
