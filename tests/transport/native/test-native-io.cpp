// SPDX-License-Identifier: LGPL-2.1-or-later
// The native transport's way to the kernel and between its threads, on real sockets.
#include "plugin/transport/native/ice-candidates.h"
#include "plugin/transport/native/io/inbox.h"
#include "plugin/transport/native/io/send-queue.h"

#include <arpa/inet.h>
#include <glib.h>
#include <poll.h>

#include <algorithm>
#include <thread>
#include <vector>

using namespace restream;
using namespace restream::transport::native;

namespace {

using Bytes = std::vector<std::uint8_t>;
constexpr int kDeadlineMs = 20'000;

Address
address (const char *ip, std::uint16_t port)
{
  std::optional<Address> parsed = Address::parse (ip, port);
  g_assert_true (parsed.has_value ());
  return *parsed;
}

// Somebody else's socket.
class Client
{
public:
  explicit Client (const char *ip = "127.0.0.1")
      : family_ (strchr (ip, ':') ? AF_INET6 : AF_INET)
  {
    fd_ = Descriptor (socket (family_, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_storage name;
    socklen_t length = address (ip, 0).to (name, family_);
    g_assert_cmpint (
        bind (fd_.get (), reinterpret_cast<sockaddr *> (&name), length), ==, 0);
    length = sizeof name;
    g_assert_cmpint (
        getsockname (fd_.get (), reinterpret_cast<sockaddr *> (&name), &length),
        ==, 0);
    self_ = *Address::from (name);
    int bytes = 4 << 20;
    setsockopt (fd_.get (), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  }

  const Address &self () const { return self_; }
  // As of a datagram from here: sent to the same address.
  Path path () const { return {.remote = self_, .local = self_.ip}; }
  void send (const Address &to, const Bytes &bytes)
  {
    sockaddr_storage name;
    socklen_t length = to.to (name, family_);
    g_assert_cmpint (sendto (fd_.get (), bytes.data (), bytes.size (), 0,
                         reinterpret_cast<sockaddr *> (&name), length),
        ==, static_cast<ssize_t> (bytes.size ()));
  }
  Bytes receive (Address *from = nullptr)
  {
    pollfd wait = {.fd = fd_.get (), .events = POLLIN, .revents = 0};
    g_assert_cmpint (poll (&wait, 1, kDeadlineMs), ==, 1);
    Bytes bytes (65536);
    sockaddr_storage name;
    socklen_t length = sizeof name;
    ssize_t n = recvfrom (fd_.get (), bytes.data (), bytes.size (), 0,
        reinterpret_cast<sockaddr *> (&name), &length);
    g_assert_cmpint (n, >=, 0);
    bytes.resize (static_cast<std::size_t> (n));
    if (from)
      *from = *Address::from (name);
    return bytes;
  }
  bool has_nothing ()
  {
    pollfd wait = {.fd = fd_.get (), .events = POLLIN, .revents = 0};
    return poll (&wait, 1, 0) == 0;
  }

private:
  int family_;
  Descriptor fd_;
  Address self_;
};

UdpSocket
open_one ()
{
  auto sockets = UdpSocket::open (0, 1);
  g_assert_true (sockets.has_value ());
  return std::move (sockets->front ());
}

std::span<UdpSocket::Datagram>
receive (UdpSocket &socket)
{
  pollfd wait = {.fd = socket.fd (), .events = POLLIN, .revents = 0};
  g_assert_cmpint (poll (&wait, 1, kDeadlineMs), ==, 1);
  return socket.receive ();
}

std::vector<const char *>
loopbacks (const UdpSocket &socket)
{
  std::vector<const char *> all = {"127.0.0.1", "127.0.0.2"};
  Descriptor probe (::socket (AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_storage name;
  socklen_t length = address ("::1", 0).to (name, AF_INET6);
  if (socket.family () == AF_INET6
      && bind (probe.get (), reinterpret_cast<sockaddr *> (&name), length) == 0)
    all.push_back ("::1");
  else
    g_test_message ("no IPv6 here");
  return all;
}

void
addresses ()
{
  struct
  {
    const char *ip;
    bool ipv4;
    const char *text;
  } const cases[] = {{"192.0.2.1", true, "192.0.2.1:5004"},
      {"::1", false, "[::1]:5004"},
      {"2001:db8::a", false, "[2001:db8::a]:5004"},
      {"::ffff:192.0.2.1", true, "192.0.2.1:5004"}};
  for (const auto &c : cases) {
    const Address parsed = address (c.ip, 5004);
    g_assert_true (parsed.is_ipv4 () == c.ipv4);
    g_assert_true (parsed.text () == c.text);
    for (int family : {AF_INET, AF_INET6}) {
      sockaddr_storage name;
      const socklen_t length = parsed.to (name, family);
      if (family == AF_INET && !c.ipv4) {
        g_assert_cmpuint (length, ==, 0);
        continue;
      }
      g_assert_cmpint (name.ss_family, ==, family);
      g_assert_true (*Address::from (name) == parsed);
    }
  }
  g_assert_true (address ("192.0.2.1", 1) == address ("::ffff:192.0.2.1", 1));
  g_assert_cmpuint (AddressHash{}(address ("192.0.2.1", 1)), ==,
      AddressHash{}(address ("::ffff:192.0.2.1", 1)));
  g_assert_false (address ("192.0.2.1", 1) == address ("192.0.2.1", 2));
  g_assert_false (address ("192.0.2.1", 1) == address ("192.0.2.2", 1));
  for (const char *bad : {"", "localhost", "1.2.3", "1.2.3.4.5", "256.1.1.1",
           "fe80::1%eth0", "[::1]", "::1 ", "x.local"})
    g_assert_false (Address::parse (bad, 1).has_value ());
  sockaddr_storage unix_name{};
  unix_name.ss_family = AF_UNIX;
  g_assert_false (Address::from (unix_name).has_value ());

  // The same link-local address is another one on another link; of others the scope is noise.
  sockaddr_storage name;
  address ("fe80::1", 7).to (name, AF_INET6);
  auto &in6 = reinterpret_cast<sockaddr_in6 &> (name);
  in6.sin6_scope_id = 3;
  const Address third = *Address::from (name);
  g_assert_cmpuint (third.scope, ==, 3);
  g_assert_false (third == address ("fe80::1", 7));
  address ("2001:db8::1", 7).to (name, AF_INET6);
  in6.sin6_scope_id = 3;
  g_assert_true (*Address::from (name) == address ("2001:db8::1", 7));
}

void
candidates ()
{
  for (bool tcp : {false, true}) {
    const auto some =
        host_candidates ({"192.0.2.1", "nonsense", "2001:db8::1", "192.0.2.1"},
            {"198.51.100.7", "192.0.2.1", ""}, 8189, tcp);
    g_assert_cmpuint (some.size (), ==, tcp ? 6 : 3);
    std::uint64_t before = G_MAXUINT64;
    const char *const ips[] = {"192.0.2.1", "2001:db8::1", "198.51.100.7"};
    std::vector<std::string> foundations;
    for (std::size_t i = 0; i < some.size (); i++) {
      char foundation[33], transport[4], ip[64], rest[64];
      unsigned component, port;
      unsigned long long priority;
      int n = sscanf (some[i].c_str (), "%32s %u %3s %llu %63s %u %63[^\n]",
          foundation, &component, transport, &priority, ip, &port, rest);
      g_assert_cmpint (n, ==, 7);
      g_assert_cmpuint (component, ==, 1);
      g_assert_cmpstr (transport, ==, i < 3 ? "udp" : "tcp");
      g_assert_cmpstr (rest, ==,
          i < 3 ? "typ host" : "typ host tcptype passive");
      g_assert_cmpstr (ip, ==, ips[i % 3]);
      g_assert_cmpuint (port, ==, 8189);
      g_assert_cmpuint (priority, <, before); // and UDP before TCP
      g_assert_cmpuint (priority, >, 0);
      before = priority;
      for (const std::string &other : foundations)
        g_assert_false (other == foundation);
      foundations.push_back (foundation);
    }
    std::vector<std::string> many;
    for (unsigned i = 0; i < 300; i++)
      many.push_back ("10.0." + std::to_string (i / 250) + "."
          + std::to_string (1 + i % 250));
    const std::size_t count = host_candidates (many, many, 1, tcp).size ();
    g_assert_cmpuint (count, ==, tcp ? 32 : 16);
    g_assert_true (host_candidates ({}, {}, 1, tcp).empty ());
  }
}

void
inbox_keeps_each_producers_order ()
{
  constexpr unsigned kProducers = 4, kMessages = 20'000;
  Inbox<std::pair<unsigned, unsigned>> inbox;
  g_assert_cmpint (inbox.fd (), >=, 0);
  std::vector<std::thread> producers;
  for (unsigned p = 0; p < kProducers; p++)
    producers.emplace_back ([&inbox, p] {
      for (unsigned i = 0; i < kMessages; i++)
        inbox.post ({p, i});
    });
  unsigned next[kProducers] = {}, taken = 0;
  while (taken < kProducers * kMessages) {
    // Woken for each time that there is something: else this never returns.
    pollfd wait = {.fd = inbox.fd (), .events = POLLIN, .revents = 0};
    g_assert_cmpint (poll (&wait, 1, kDeadlineMs), ==, 1);
    inbox.take ([&] (std::pair<unsigned, unsigned> &&message) {
      g_assert_cmpuint (message.second, ==, next[message.first]++);
      taken++;
    });
  }
  for (std::thread &producer : producers)
    producer.join ();
  g_assert_false (inbox.take ([] (auto &&) { g_assert_not_reached (); }));
}

void
inbox_frees_what_is_left ()
{
  auto token = std::make_shared<int> (1);
  {
    Inbox<std::shared_ptr<int>> inbox;
    inbox.post (token);
    // What is posted while it is taken comes the next time, with its wake-up.
    unsigned taken = 0;
    inbox.take ([&] (std::shared_ptr<int> &&message) {
      taken++;
      inbox.post (message);
      inbox.post (message);
    });
    g_assert_cmpuint (taken, ==, 1);
    pollfd wait = {.fd = inbox.fd (), .events = POLLIN, .revents = 0};
    g_assert_cmpint (poll (&wait, 1, 0), ==, 1);
    g_assert_cmpint (token.use_count (), ==, 3);
  }
  g_assert_cmpint (token.use_count (), ==, 1);
}

void
port_is_exclusive ()
{
  std::uint16_t port;
  {
    auto first = UdpSocket::open (0, 3);
    g_assert_true (first.has_value ());
    g_assert_cmpuint (first->size (), ==, 3);
    port = first->front ().port ();
    g_assert_cmpuint (port, !=, 0);
    for (const UdpSocket &socket : *first)
      g_assert_cmpuint (socket.port (), ==, port);
    for (unsigned count : {1u, 2u}) {
      auto second = UdpSocket::open (port, count);
      g_assert_false (second.has_value ());
      g_assert_cmpint (static_cast<int> (second.error ().code), ==,
          static_cast<int> (Code::unavailable));
      g_assert_nonnull (strstr (second.error ().what.c_str (),
          std::to_string (port).c_str ()));
    }
  }
  auto again = UdpSocket::open (port, 2);
  g_assert_true (again.has_value ());
}

void
datagrams_come_and_go ()
{
  UdpSocket socket = open_one ();
  for (const char *ip : loopbacks (socket)) {
    Client client (strchr (ip, ':') ? "::1" : "127.0.0.1");
    for (std::size_t size : {0, 1, 1200, 2048, 2049, 9000}) {
      client.send (address (ip, socket.port ()), Bytes (size, 0x5a));
      std::span<UdpSocket::Datagram> got = receive (socket);
      g_assert_cmpuint (got.size (), ==, 1);
      g_assert_true (got[0].path.remote == client.self ());
      Address local;
      local.ip = got[0].path.local;
      g_assert_true (local.ip_text () == ip);
      g_assert_true (got[0].truncated == (size > UdpSocket::kMaxDatagram));
      g_assert_cmpuint (got[0].bytes.size (), ==,
          std::min (size, UdpSocket::kMaxDatagram));
      for (std::uint8_t byte : got[0].bytes)
        g_assert_cmpuint (byte, ==, 0x5a);
      // The answer comes from where it was asked.
      const Path path = got[0].path;
      g_assert_true (socket.send (path, Bytes (size, 0xa5)));
      Address from;
      g_assert_true (client.receive (&from) == Bytes (size, 0xa5));
      g_assert_true (from == address (ip, socket.port ()));
    }
  }
  Path nowhere = Client ().path ();
  nowhere.remote.port = 0;
  g_assert_false (socket.send (nowhere, Bytes (9)));
}

void
datagrams_come_in_batches ()
{
  UdpSocket socket = open_one ();
  Client client;
  constexpr unsigned kCount = UdpSocket::kMaxBatch + 8;
  for (unsigned i = 0; i < kCount; i++)
    client.send (address ("127.0.0.1", socket.port ()),
        Bytes (1, static_cast<std::uint8_t> (i)));
  unsigned next = 0;
  while (next < kCount) {
    std::span<UdpSocket::Datagram> got = receive (socket);
    g_assert_cmpuint (got.size (), <=, UdpSocket::kMaxBatch);
    for (const UdpSocket::Datagram &datagram : got)
      g_assert_cmpuint (datagram.bytes[0], ==, next++);
  }
  g_assert_cmpuint (socket.receive ().size (), ==, 0);
}

// Queues packets of these sizes as one message, all full of one number.
void
put (SendQueue &queue, const Path &path, const std::vector<std::size_t> &sizes,
    std::uint8_t fill, std::atomic<std::uint64_t> &dropped)
{
  std::size_t bytes = 0;
  for (std::size_t size : sizes)
    bytes += size;
  std::uint8_t *out = queue.reserve (bytes);
  g_assert_nonnull (out);
  memset (out, fill, bytes);
  queue.commit (path, bytes, sizes.front (), dropped);
}

void
queue_segments ()
{
  UdpSocket socket = open_one ();
  for (const char *ip : loopbacks (socket)) {
    SendQueue queue (socket);
    std::atomic<std::uint64_t> dropped{0};
    Client client (ip);
    const std::vector<std::vector<std::size_t>> messages = {{100},
        {1200, 1200, 1200}, {1200, 1200, 7}, {1}, {50, 50, 50, 50, 1},
        std::vector<std::size_t> (SendQueue::kMaxSegments, 900)};
    std::uint8_t fill = 0;
    for (const auto &message : messages)
      put (queue, client.path (), message, fill++, dropped);
    g_assert_true (client.has_nothing ()); // it is a queue
    queue.flush ();
    fill = 0;
    for (const auto &message : messages) {
      for (std::size_t size : message)
        g_assert_true (client.receive () == Bytes (size, fill));
      fill++;
    }
    g_assert_true (client.has_nothing ());
    g_assert_cmpuint (dropped, ==, 0);
    g_assert_cmpuint (queue.counters ().refused, ==, 0);
    g_assert_false (queue.blocked ());
    // Nothing is sent twice.
    queue.flush ();
    g_assert_true (client.has_nothing ());
    // Where it can be seen that segmentation works: one send a message, and one call.
    g_test_message ("%s: %lu sends, %lu calls", ip,
        static_cast<unsigned long> (queue.counters ().sends),
        static_cast<unsigned long> (queue.counters ().calls));
    g_assert_cmpuint (queue.counters ().sends, >=, messages.size ());
  }
}

// More than it holds at once: it sends by itself, and nobody gets another's.
void
queue_of_many ()
{
  UdpSocket socket = open_one ();
  SendQueue queue (socket);
  std::atomic<std::uint64_t> dropped{0};
  std::vector<Client> clients (5);
  std::vector<std::vector<std::uint8_t>> expected (clients.size ());
  for (unsigned i = 0; i < 200; i++) {
    const unsigned to = i * i % clients.size ();
    put (queue, clients[to].path (), {1000, 1000, 500},
        static_cast<std::uint8_t> (i), dropped);
    expected[to].push_back (static_cast<std::uint8_t> (i));
    if (i % 50 == 49) // before any receive buffer is full
      queue.flush ();
  }
  queue.flush ();
  for (std::size_t c = 0; c < clients.size (); c++) {
    for (std::uint8_t fill : expected[c]) {
      for (std::size_t size : {1000, 1000, 500})
        g_assert_true (clients[c].receive () == Bytes (size, fill));
    }
    g_assert_true (clients[c].has_nothing ());
  }
  g_assert_cmpuint (dropped, ==, 0);
}

// Control packets go between media in the order they were given, and count nowhere.
void
queue_copies ()
{
  UdpSocket socket = open_one ();
  SendQueue queue (socket);
  std::atomic<std::uint64_t> dropped{0};
  Client client;
  Bytes report (60, 2);
  put (queue, client.path (), {800, 800}, 1, dropped);
  queue.send (client.path (), report);
  std::fill (report.begin (), report.end (), 9); // it is a copy that waits
  queue.send (client.path (), {});
  put (queue, client.path (), {700}, 3, dropped);
  Path nowhere = client.path ();
  nowhere.remote.port = 0;
  queue.send (nowhere, report);
  g_assert_true (client.has_nothing ());
  queue.flush ();
  for (auto [size, fill] : {std::pair (800, 1), {800, 1}, {60, 2}, {700, 3}})
    g_assert_true (client.receive ()
        == Bytes (static_cast<std::size_t> (size),
            static_cast<std::uint8_t> (fill)));
  g_assert_true (client.has_nothing ());
  g_assert_cmpuint (dropped, ==, 0);
  g_assert_cmpuint (queue.counters ().refused, ==, 1);
}

void
queue_refuses ()
{
  UdpSocket socket = open_one ();
  SendQueue queue (socket);
  Client client;
  std::atomic<std::uint64_t> good{0}, bad{0}, gone{0};
  g_assert_null (queue.reserve (SendQueue::kMaxMessageBytes + 1));
  g_assert_nonnull (queue.reserve (SendQueue::kMaxMessageBytes));
  g_assert_false (queue.blocked ());

  // The kernel refuses these, alone and between others.
  Path nowhere = client.path ();
  nowhere.remote.port = 0;
  put (queue, client.path (), {800, 800}, 1, good);
  put (queue, nowhere, {700}, 2, bad);
  put (queue, nowhere, {700, 700, 9}, 3, bad);
  put (queue, client.path (), {600}, 4, good);
  put (queue, nowhere, {700, 700}, 5, gone);
  put (queue, client.path (), {500, 500, 5}, 6, good);
  queue.forget (gone);
  queue.flush ();
  for (auto [size, fill] :
      {std::pair (800, 1), {800, 1}, {600, 4}, {500, 6}, {500, 6}, {5, 6}})
    g_assert_true (client.receive ()
        == Bytes (static_cast<std::size_t> (size),
            static_cast<std::uint8_t> (fill)));
  g_assert_true (client.has_nothing ());
  g_assert_cmpuint (good, ==, 0);
  g_assert_cmpuint (bad, ==, 4);
  g_assert_cmpuint (gone, ==, 0);
  g_assert_cmpuint (queue.counters ().refused, ==, 6);

  // A port where nobody listens is no refusal; and the ICMP error that comes back
  // must not cost the next viewer its packets.
  Path closed;
  {
    Client soon_gone;
    closed = soon_gone.path ();
  }
  for (std::uint8_t i = 0; i < 20; i++) {
    put (queue, closed, {300, 300}, i, bad);
    queue.flush ();
    put (queue, client.path (), {300, 300}, i, good);
    queue.flush ();
    g_assert_true (client.receive () == Bytes (300, i));
    g_assert_true (client.receive () == Bytes (300, i));
  }
  g_assert_cmpuint (good, ==, 0);
}

} // namespace

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/address", addresses);
  g_test_add_func ("/candidates", candidates);
  g_test_add_func ("/inbox/order", inbox_keeps_each_producers_order);
  g_test_add_func ("/inbox/left", inbox_frees_what_is_left);
  g_test_add_func ("/udp-socket/exclusive", port_is_exclusive);
  g_test_add_func ("/udp-socket/datagrams", datagrams_come_and_go);
  g_test_add_func ("/udp-socket/batches", datagrams_come_in_batches);
  g_test_add_func ("/send-queue/segments", queue_segments);
  g_test_add_func ("/send-queue/many", queue_of_many);
  g_test_add_func ("/send-queue/copies", queue_copies);
  g_test_add_func ("/send-queue/refuses", queue_refuses);
  return g_test_run ();
}
