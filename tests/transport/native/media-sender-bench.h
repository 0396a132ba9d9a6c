// SPDX-License-Identifier: LGPL-2.1-or-later
// One viewer and what it is sent, from the ring through a real socket to an SRTP receiver.
#pragma once

#include "common/bytes.h"
#include "plugin/transport/native/media-sender.h"
#include "tests/transport/native/bursts.h"
#include "tests/transport/native/srtp-samples.h"

#include <arpa/inet.h>

namespace restream::transport::native {

inline constexpr std::uint32_t kVideoSsrc = 0x11111111, kAudioSsrc = 0x22222222,
                               kRtxSsrc = 0x33333333;
inline constexpr std::uint8_t kVideoType = 100, kRtxType = 101,
                              kAudioType = 110, kRedType = 63;

struct BenchOptions
{
  bool nack = true;
  bool rtx = true;
  std::uint8_t transport_sequence_id = 0;
  std::uint8_t capture_time_id = 0;
  std::uint8_t playout_delay_id = 0;
  bool audio = true;
  bool red = false;
  InstantStart start{};
  SrtpProfile profile = SrtpProfile::aead_aes_128_gcm;
};

// What came out at the other end.
struct Received
{
  std::uint8_t payload_type;
  bool marker;
  std::uint16_t sequence;
  std::uint32_t timestamp;
  std::uint32_t ssrc;
  std::optional<std::uint16_t> transport_sequence;
  std::optional<std::uint64_t> capture_time;
  std::optional<unsigned> playout_delay; // both, as they are
  Bytes payload;
};

// Our side of a viewer, and the viewer's.
class Bench
{
public:
  explicit Bench (BenchOptions options = {})
      : keys_ (random_keys (options.profile)), receiver_ (receiver_of (keys_)),
        settings_ (settings (options)),
        feed (std::make_shared<SharedStream> (1, 1, options.start)),
        sender (settings_, sender_of (keys_), {&counters[0], &counters[1]},
            link)
  {
    fd_ = Descriptor (::socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_storage name;
    const Address loopback = *Address::parse ("127.0.0.1", 0);
    socklen_t length = loopback.to (name, AF_INET);
    int status =
        bind (fd_.get (), reinterpret_cast<sockaddr *> (&name), length);
    g_assert_cmpint (status, ==, 0);
    length = sizeof name;
    getsockname (fd_.get (), reinterpret_cast<sockaddr *> (&name), &length);
    path = {.remote = *Address::from (name), .local = loopback.ip};
    int bytes = 4 << 20;
    setsockopt (fd_.get (), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  }

  void push (std::shared_ptr<const Burst> burst)
  {
    Media media = burst->media ();
    feed.clocks[index_of (media)] = burst->clock ();
    feed.append (std::move (burst));
    feed.drop_old (media);
  }
  // Turns until the viewer is owed nothing.
  void serve (Media media = Media::video)
  {
    // A turn each millisecond, in a time of their own.
    for (std::int64_t at = now_us; sender.serve (media, feed, queue, path, at);
         at += 1000)
      turns++;
  }
  void rtcp (const Bytes &compound)
  {
    sender.handle_rtcp (compound, feed, queue, path, now_us);
  }
  static Bytes nack (std::uint32_t ssrc, std::uint16_t sequence,
      std::uint16_t following = 0)
  {
    Bytes packet{0x81, 205, 0, 3, 9, 9, 9, 9, 0, 0, 0, 0, 0, 0, 0, 0};
    put_be32 (packet, 8, ssrc);
    put_be16 (packet, 12, sequence);
    put_be16 (packet, 14, following);
    return packet;
  }

  // All that is there, as datagrams.
  std::vector<Bytes> take_raw ()
  {
    queue.flush ();
    std::vector<Bytes> all;
    std::uint8_t bytes[2048];
    for (ssize_t n;
         (n = recv (fd_.get (), bytes, sizeof bytes, MSG_DONTWAIT)) >= 0;)
      all.emplace_back (bytes, bytes + n);
    return all;
  }
  std::vector<Received> take ()
  {
    std::vector<Received> all;
    for (Bytes &packet : take_raw ())
      all.push_back (open (packet));
    return all;
  }
  Received open (Bytes &packet)
  {
    SrtpReceiver::Plain plain = receiver_.unprotect_rtp (packet);
    g_assert_cmpstr (name_of (plain.verdict), ==, name_of (SrtpVerdict::ok));
    std::span<const std::uint8_t> p = plain.packet;
    Received r{.payload_type = static_cast<std::uint8_t> (p[1] & 0x7f),
        .marker = (p[1] & 0x80) != 0,
        .sequence = be16 (p, 2),
        .timestamp = be32 (p, 4),
        .ssrc = be32 (p, 8),
        .transport_sequence = {},
        .capture_time = {},
        .playout_delay = {},
        .payload = {}};
    std::size_t at = 12;
    if (p[0] & 0x10) {
      g_assert_cmphex (be16 (p, 12), ==, 0xbede);
      at = 16 + 4u * be16 (p, 14);
      for (std::size_t i = 16; i < at && p[i]; i += 2u + (p[i] & 0xf))
        read_extension (p.subspan (i), r);
    }
    r.payload.assign (p.begin () + static_cast<std::ptrdiff_t> (at), p.end ());
    return r;
  }
  void read_extension (std::span<const std::uint8_t> element, Received &r)
  {
    const MediaSettings &expected = settings_.media[0];
    if (element[0] >> 4 == expected.transport_sequence_id) {
      g_assert_cmpuint (element[0] & 0xf, ==, 1);
      r.transport_sequence = be16 (element, 1);
    } else if (element[0] >> 4 == expected.playout_delay_id) {
      g_assert_cmpuint (element[0] & 0xf, ==, 2);
      r.playout_delay = be32 (element, 0) & 0xffffff;
    } else {
      g_assert_cmpuint (element[0] >> 4, ==, expected.capture_time_id);
      g_assert_cmpuint (element[0] & 0xf, ==, 7);
      r.capture_time =
          std::uint64_t{be32 (element, 1)} << 32 | be32 (element, 5);
    }
  }
  // The kinds of packets in a report of ours, decrypted.
  Bytes report (bool bye)
  {
    std::span<const std::uint8_t> sealed = sender.make_report (feed, bye);
    Bytes bytes (sealed.begin (), sealed.end ());
    if (bytes.empty ())
      return bytes;
    SrtpReceiver::Plain plain = receiver_.unprotect_rtcp (bytes);
    g_assert_true (plain.verdict == SrtpVerdict::ok);
    return {plain.packet.begin (), plain.packet.end ()};
  }

  std::array<MediaCounters, kMediaCount> counters;
  LinkCounters link;
  std::int64_t now_us = 1'000'000;
  Path path;
  unsigned turns = 0;
  BurstMaker video{Media::video, kVideoSsrc}, audio{Media::audio, kAudioSsrc};

private:
  static SenderSettings settings (const BenchOptions &options)
  {
    SenderSettings settings{.media = {}, .cname = "the-stream"};
    settings.media[index_of (Media::video)] = {.active = true,
        .payload_type = kVideoType,
        .ssrc = kVideoSsrc,
        .clock_rate = 90000,
        .nack = options.nack,
        .rtx_payload_type = {},
        .rtx_ssrc = kRtxSsrc,
        .red_payload_type = {},
        .transport_sequence_id = options.transport_sequence_id,
        .capture_time_id = options.capture_time_id,
        .playout_delay_id = options.playout_delay_id};
    if (options.rtx)
      settings.media[index_of (Media::video)].rtx_payload_type = kRtxType;
    settings.media[index_of (Media::audio)] = {.active = options.audio,
        .payload_type = kAudioType,
        .ssrc = kAudioSsrc,
        .clock_rate = 48000,
        .nack = false,
        .rtx_payload_type = {},
        .rtx_ssrc = 0,
        .red_payload_type = {},
        .transport_sequence_id = options.transport_sequence_id,
        .capture_time_id = options.capture_time_id,
        .playout_delay_id = options.playout_delay_id};
    if (options.red)
      settings.media[index_of (Media::audio)].red_payload_type = kRedType;
    return settings;
  }
  static UdpSocket open_socket ()
  {
    auto sockets = UdpSocket::open (0, 1);
    g_assert_true (sockets.has_value ());
    return std::move (sockets->front ());
  }

  Descriptor fd_;
  UdpSocket socket_ = open_socket ();
  SrtpKeys keys_;
  SrtpReceiver receiver_;
  SenderSettings settings_;

public:
  StreamFeed feed;
  SendQueue queue{socket_};
  MediaSender sender;
};

inline std::vector<std::uint16_t>
run_of (std::uint16_t first, unsigned count)
{
  std::vector<std::uint16_t> all (count);
  for (std::uint16_t &sequence : all)
    sequence = first++;
  return all;
}

} // namespace restream::transport::native
