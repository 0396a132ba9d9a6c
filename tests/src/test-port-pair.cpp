// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/src/port-pair.h"

#include <arpa/inet.h>
#include <glib.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <string>

using namespace restream;
using namespace restream::src;

// A socket as another program would bind it; not valid if refused.
static Fd
foreign (std::uint16_t port, bool share, in_addr_t address = INADDR_LOOPBACK)
{
  Fd fd (socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  g_assert_true (static_cast<bool> (fd));
  const int one = 1;
  if (share) {
    setsockopt (fd.get (), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt (fd.get (), SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
  }
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_addr.s_addr = htonl (address);
  in.sin_port = htons (port);
  if (bind (fd.get (), reinterpret_cast<sockaddr *> (&in), sizeof in) < 0)
    return {};
  return fd;
}

static std::uint16_t
port_of (int fd)
{
  sockaddr_in in{};
  socklen_t length = sizeof in;
  g_assert_cmpint (
      getsockname (fd, reinterpret_cast<sockaddr *> (&in), &length), ==, 0);
  return ntohs (in.sin_port);
}

static void
finds_an_adjacent_pair ()
{
  for (const char *address : {"127.0.0.1", "127.0.0.2", "::1"}) {
    auto pair = PortPair::open ({.address = address});
    if (!pair && std::string (address) == "::1"
        && pair.error ().what.find ("assign") != std::string::npos) {
      g_test_message ("no IPv6 here");
      continue;
    }
    g_assert_true (pair.has_value ());
    g_assert_cmpuint (pair->port (), !=, 0);
    g_assert_cmpuint (pair->port (), <=, PortPair::kMaxPort);
    g_assert_cmpuint (port_of (pair->fd (Media::video)), ==, pair->port ());
    g_assert_cmpuint (port_of (pair->fd (Media::audio)), ==,
        pair->port () + 1u);
    g_assert_cmpint (pair->buffer_bytes (), >, 0);
  }
}

static void
nobody_can_share_it ()
{
  auto pair = PortPair::open ({});
  g_assert_true (pair.has_value ());
  for (Media m : kAllMedia) {
    g_assert_false (static_cast<bool> (foreign (pair->port (m), true)));
    g_assert_false (
        static_cast<bool> (foreign (pair->port (m), true, INADDR_ANY)));
  }
  auto second = PortPair::open ({.port = pair->port ()});
  g_assert_false (second.has_value ());
  g_assert_true (second.error ().code == Code::conflict);
  const std::string port = std::to_string (pair->port ());
  g_assert_true (second.error ().what.find (port) != std::string::npos);
  g_assert_true (second.error ().what.find ("errno") != std::string::npos);
}

static void
half_a_pair_is_released ()
{
  // In a loop, because other tests look for ports meanwhile.
  for (int tries = 0;; tries++) {
    g_assert_cmpint (tries, <, 20);
    std::uint16_t port;
    {
      auto pair = PortPair::open ({});
      g_assert_true (pair.has_value ());
      port = pair->port ();
    }
    const auto next = static_cast<std::uint16_t> (port + 1);
    const Fd taken = foreign (next, false);
    if (!taken)
      continue;
    auto pair = PortPair::open ({.port = port});
    g_assert_false (pair.has_value ());
    g_assert_true (pair.error ().code == Code::conflict);
    if (pair.error ().what.find (std::to_string (next)) == std::string::npos)
      continue; // the video's port was taken
    if (foreign (port, false))
      break;
  }
}

static void
odd_and_even ()
{
  for (unsigned parity : {0u, 1u}) {
    // A pair with the wanted parity, at the same ports as a found one or one on.
    for (int tries = 0;; tries++) {
      g_assert_cmpint (tries, <, 200);
      std::uint16_t port;
      {
        auto any = PortPair::open ({});
        g_assert_true (any.has_value ());
        port = any->port ();
      }
      if (port % 2 != parity)
        continue;
      auto pair = PortPair::open ({.port = port});
      if (!pair)
        continue; // somebody else's by now
      g_assert_cmpuint (pair->port (), ==, port);
      break;
    }
  }
}

static void
the_same_again_100_times ()
{
  std::uint16_t port = 0;
  for (int i = 0; i < 100; i++) {
    auto pair = PortPair::open ({.port = port});
    g_assert_true (pair.has_value ());
    port = pair->port ();
  }
}

static void
refuses ()
{
  for (const char *address : {"0.0.0.0", "192.168.0.1", "::", "8.8.8.8",
           "localhost", "", "127.0.0.1:5004", "::ffff:127.0.0.1"}) {
    auto pair = PortPair::open ({.address = address});
    g_assert_false (pair.has_value ());
    g_assert_true (pair.error ().code == Code::bad_request);
  }
  auto last = PortPair::open ({.port = 65535});
  g_assert_false (last.has_value ());
  g_assert_true (last.error ().code == Code::bad_request);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/src/ports/found", finds_an_adjacent_pair);
  g_test_add_func ("/src/ports/exclusive", nobody_can_share_it);
  g_test_add_func ("/src/ports/half", half_a_pair_is_released);
  g_test_add_func ("/src/ports/parity", odd_and_even);
  g_test_add_func ("/src/ports/again", the_same_again_100_times);
  g_test_add_func ("/src/ports/refuses", refuses);
  return g_test_run ();
}
