// SPDX-License-Identifier: LGPL-2.1-or-later
// More to send than the interface takes: the socket's queue runs full, the send queue waits for it,
// and nothing is lost or sent twice. On a narrow link in a network namespace of the test's own.
#include "plugin/transport/native/io/send-queue.h"

#include <glib.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>

#include <cstring>

using namespace restream::transport::native;

namespace {

constexpr int kDeadlineMs = 20'000;
// Two packets each; together more than any socket buffer holds.
constexpr std::uint32_t kMessages = 8000;
constexpr std::size_t kSegment = 1000, kLast = 500;

// Only the loopback interface, at 200 Mbit/s. false: not here.
bool
enter_narrow_network ()
{
  if (unshare (CLONE_NEWNET) != 0)
    return false;
  Descriptor any (socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq up{};
  g_strlcpy (up.ifr_name, "lo", sizeof up.ifr_name);
  up.ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING;
  if (ioctl (any.get (), SIOCSIFFLAGS, &up) != 0)
    return false;
  int status = 0;
  return g_spawn_command_line_sync ("tc qdisc add dev lo root tbf rate 200mbit "
                                    "burst 64kb limit 64mb",
             nullptr, nullptr, &status, nullptr)
      && g_spawn_check_wait_status (status, nullptr);
}

class Reader
{
public:
  Reader ()
      : fd_ (socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0))
  {
    const Address loopback = *Address::parse ("127.0.0.1", 0);
    sockaddr_storage name;
    socklen_t length = loopback.to (name, AF_INET);
    g_assert_cmpint (
        bind (fd_.get (), reinterpret_cast<sockaddr *> (&name), length), ==, 0);
    length = sizeof name;
    getsockname (fd_.get (), reinterpret_cast<sockaddr *> (&name), &length);
    // Nothing is lost at this end.
    const int room = 64 << 20;
    g_assert_cmpint (
        setsockopt (fd_.get (), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room),
        ==, 0);
    path = {.remote = *Address::from (name), .local = loopback.ip};
  }
  // All that is there, in order.
  void read ()
  {
    std::array<std::uint8_t, 2048> bytes;
    for (ssize_t n;
         (n = recv (fd_.get (), bytes.data (), bytes.size (), 0)) >= 0;
         packets++) {
      std::uint32_t number;
      std::memcpy (&number, bytes.data (), sizeof number);
      g_assert_cmpuint (number, ==, packets);
      g_assert_cmpint (n, ==, packets % 2 ? kLast : kSegment);
    }
  }
  void wait ()
  {
    pollfd readable = {.fd = fd_.get (), .events = POLLIN, .revents = 0};
    g_assert_cmpint (poll (&readable, 1, kDeadlineMs), ==, 1);
  }

  Path path;
  std::uint32_t packets = 0;

private:
  Descriptor fd_;
};

// false: no room now.
bool
put (SendQueue &queue, const Path &path, std::uint32_t message,
    std::atomic<std::uint64_t> &dropped)
{
  std::uint8_t *out = queue.reserve (kSegment + kLast);
  if (!out)
    return false;
  std::memset (out, 0, kSegment + kLast);
  for (std::uint32_t packet = 0; packet < 2; packet++) {
    const std::uint32_t number = 2 * message + packet;
    std::memcpy (out + packet * kSegment, &number, sizeof number);
  }
  queue.commit (path, kSegment + kLast, kSegment, dropped);
  return true;
}

void
waits_for_room ()
{
  if (!enter_narrow_network ()) {
    g_test_skip ("not root, or no tc");
    return;
  }
  auto sockets = UdpSocket::open (0, 1);
  g_assert_true (sockets.has_value ());
  UdpSocket &socket = sockets->front ();
  SendQueue queue (socket);
  Reader reader;
  std::atomic<std::uint64_t> dropped{0};
  unsigned blocked = 0;
  for (std::uint32_t message = 0; message < kMessages;) {
    if (put (queue, reader.path, message, dropped)) {
      message++;
      continue;
    }
    g_assert_true (queue.blocked ());
    blocked++;
    pollfd writable = {.fd = socket.fd (), .events = POLLOUT, .revents = 0};
    while (poll (&writable, 1, 1) == 0)
      reader.read ();
    reader.read ();
    queue.flush ();
  }
  for (queue.flush (); queue.blocked (); queue.flush ()) {
    reader.wait ();
    reader.read ();
  }
  while (reader.packets < 2 * kMessages) {
    reader.wait ();
    reader.read ();
  }
  g_assert_cmpuint (blocked, >, 0);
  g_assert_cmpuint (dropped, ==, 0);
  g_assert_cmpuint (queue.counters ().refused, ==, 0);
  g_assert_cmpuint (queue.counters ().sends, ==, kMessages);
}

} // namespace

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/send-queue/full-socket", waits_for_room);
  return g_test_run ();
}
