// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/support/raw-viewer.h"

#include "common/bytes.h"
#include "common/random.h"
#include "plugin/transport/header-extensions.h"

#include <arpa/inet.h>
#include <gst/gst.h>
#include <gst/sdp/sdp.h>
#include <stun/usages/ice.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

namespace restream::test {

namespace {

using namespace transport;
using namespace transport::native;

constexpr std::uint32_t kOurSsrc = 0x0badcafe;
constexpr std::int64_t kFirstCheckUs = 50'000, kCheckUs = 1'000'000;
constexpr std::int64_t kReportUs = 1'000'000;

std::string
hex_pairs (std::span<const std::uint8_t> bytes)
{
  std::string text;
  for (std::uint8_t byte : bytes) {
    char pair[4];
    g_snprintf (pair, sizeof pair, "%02X", byte);
    text += (text.empty () ? "" : ":") + std::string (pair);
  }
  return text;
}

std::string
attribute (const GstSDPMessage *sdp, const char *name)
{
  const char *value = gst_sdp_message_get_attribute_val (sdp, name);
  if (!value)
    value = gst_sdp_media_get_attribute_val (gst_sdp_message_get_media (sdp, 0),
        name);
  if (!value)
    g_error ("the answer has no %s", name);
  return value;
}

} // namespace

RawViewer::RawViewer (Options options)
    : options_ (options), ufrag_ (random_token (4)),
      password_ (random_token (16))
{
  auto identity = DtlsIdentity::create ();
  if (!identity)
    g_error ("%s", identity.error ().what.c_str ());
  identity_ = *identity;
  static const std::uint16_t known[] = {STUN_ATTRIBUTE_USERNAME,
      STUN_ATTRIBUTE_MESSAGE_INTEGRITY, STUN_ATTRIBUTE_ERROR_CODE,
      STUN_ATTRIBUTE_XOR_MAPPED_ADDRESS, STUN_ATTRIBUTE_FINGERPRINT,
      STUN_ATTRIBUTE_UNKNOWN_ATTRIBUTES, 0};
  stun_agent_init (&agent_, known, STUN_COMPATIBILITY_RFC5389,
      static_cast<StunAgentUsageFlags> (STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS
          | STUN_AGENT_USAGE_USE_FINGERPRINT));
  open_socket ();
  write_offer ();
}

RawViewer::~RawViewer ()
{
  for (const Socket &socket : sockets_)
    ::close (socket.fd);
}

void
RawViewer::write_offer ()
{
  const negotiation::Fingerprint &fingerprint = identity_->fingerprint ();
  std::string common = "c=IN IP4 0.0.0.0\r\na=ice-ufrag:" + ufrag_
      + "\r\na=ice-pwd:" + password_ + "\r\na=fingerprint:sha-256 "
      + hex_pairs (fingerprint.digest)
      + "\r\na=setup:" + (options_.dtls_server ? "actpass" : "active")
      + "\r\na=recvonly\r\na=rtcp-mux\r\n";
  std::string transport_sequence;
  if (options_.transport_sequence_id)
    transport_sequence =
        "a=extmap:" + std::to_string (options_.transport_sequence_id) + " "
        + kTransportSequenceUri + "\r\n";
  offer_ = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
           "a=group:BUNDLE 0 1\r\nm=video 9 UDP/TLS/RTP/SAVPF 96"
      + std::string (options_.rtx ? " 97" : "") + "\r\n" + common
      + transport_sequence
      + "a=mid:0\r\na=rtpmap:96 H264/90000\r\na=rtcp-fb:96 nack\r\n"
        "a=rtcp-fb:96 nack pli\r\na=rtcp-fb:96 transport-cc\r\n"
        "a=fmtp:96 level-asymmetry-allowed=1;packetization-mode=1;"
        "profile-level-id=42e01f\r\n"
      + (options_.rtx ? "a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n" : "")
      + "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n" + common + transport_sequence
      + "a=mid:1\r\na=rtpmap:111 opus/48000/2\r\n";
}

void
RawViewer::set_answer (const std::string &text)
{
  GstSDPMessage *sdp = nullptr;
  if (gst_sdp_message_new_from_text (text.c_str (), &sdp) != GST_SDP_OK)
    g_error ("no SDP: %s", text.c_str ());
  server_ufrag_ = attribute (sdp, "ice-ufrag");
  server_password_ = attribute (sdp, "ice-pwd");
  std::string setup = attribute (sdp, "setup");
  std::string print = attribute (sdp, "fingerprint");
  std::string candidate = attribute (sdp, "candidate");
  gst_sdp_message_free (sdp);

  // "1 1 udp 2130706431 127.0.0.1 40000 typ host"
  char **parts = g_strsplit (candidate.c_str (), " ", 0);
  g_assert_cmpuint (g_strv_length (parts), >=, 8);
  port_ = static_cast<unsigned> (g_ascii_strtoull (parts[5], nullptr, 10));
  g_strfreev (parts);

  negotiation::Fingerprint fingerprint{.algorithm = "sha-256", .digest = {}};
  std::string digits = print.substr (print.find (' ') + 1);
  for (std::size_t i = 0; i + 1 < digits.size (); i += 3)
    fingerprint.digest.push_back (
        static_cast<std::uint8_t> (g_ascii_xdigit_value (digits[i]) << 4
            | g_ascii_xdigit_value (digits[i + 1])));
  g_assert_true (setup == "active" || setup == "passive");
  auto made = DtlsConnection::create (identity_,
      setup == "active" ? DtlsConnection::Role::server
                        : DtlsConnection::Role::client,
      {&fingerprint, 1});
  if (!made)
    g_error ("%s", made.error ().what.c_str ());
  dtls_ = std::move (*made);
  next_check_us_ = g_get_monotonic_time ();
}

unsigned
RawViewer::open_socket ()
{
  int fd = ::socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  if (fd < 0 || bind (fd, reinterpret_cast<sockaddr *> (&any), sizeof any) != 0)
    g_error ("no socket: %s", g_strerror (errno));
  int bytes = 1 << 20;
  setsockopt (fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  sockets_.push_back ({fd});
  return static_cast<unsigned> (sockets_.size () - 1);
}

void
RawViewer::move_to (unsigned socket)
{
  socket_ = socket;
  next_check_us_ = 0;
  pump ();
}

void
RawViewer::send (unsigned socket, const Bytes &datagram)
{
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  to.sin_port = htons (static_cast<std::uint16_t> (port_));
  if (sendto (sockets_[socket].fd, datagram.data (), datagram.size (), 0,
          reinterpret_cast<sockaddr *> (&to), sizeof to)
      != static_cast<ssize_t> (datagram.size ()))
    g_error ("cannot send: %s", g_strerror (errno));
}

RawViewer::Bytes
RawViewer::make_check (const CheckOptions &options)
{
  std::string username =
      (options.ufrag.empty () ? server_ufrag_ : options.ufrag) + ":" + ufrag_;
  const std::string &password =
      options.password.empty () ? server_password_ : options.password;
  StunMessage message{};
  Bytes bytes (512);
  std::size_t size = stun_usage_ice_conncheck_create (&agent_, &message,
      bytes.data (), bytes.size (),
      reinterpret_cast<const std::uint8_t *> (username.data ()),
      username.size (),
      reinterpret_cast<const std::uint8_t *> (password.data ()),
      password.size (), options.nominate, options.controlling, 0x6e7f00ff,
      0x1234567890abcdef, nullptr, STUN_USAGE_ICE_COMPATIBILITY_RFC5245);
  g_assert_cmpuint (size, >, 0);
  bytes.resize (size);
  return bytes;
}

RawViewer::Bytes
RawViewer::make_rtcp (const Bytes &compound)
{
  Bytes bytes = compound;
  bytes.resize (compound.size () + kMaxRtcpOverhead);
  std::size_t size = sender_->protect_rtcp (bytes.data (), compound.size ());
  g_assert_cmpuint (size, >, 0);
  bytes.resize (size);
  return bytes;
}

RawViewer::Bytes
RawViewer::make_receiver_report ()
{
  Bytes empty{0x80, 201, 0, 1, 0, 0, 0, 0};
  put_be32 (empty, 4, kOurSsrc);
  return make_rtcp (empty);
}

RawViewer::Bytes
RawViewer::make_nack (std::uint32_t ssrc, std::uint16_t sequence)
{
  Bytes nack{0x81, 205, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  put_be32 (nack, 4, kOurSsrc);
  put_be32 (nack, 8, ssrc);
  put_be16 (nack, 12, sequence);
  return make_rtcp (nack);
}

RawViewer::Bytes
RawViewer::make_pli (std::uint32_t ssrc)
{
  Bytes pli{0x81, 206, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0};
  put_be32 (pli, 4, kOurSsrc);
  put_be32 (pli, 8, ssrc);
  return make_rtcp (pli);
}

RawViewer::Bytes
RawViewer::make_close_notify ()
{
  dtls_->close ();
  std::span<const std::uint8_t> datagram;
  bool any = dtls_->next_datagram (datagram);
  g_assert_true (any);
  return {datagram.begin (), datagram.end ()};
}

bool
RawViewer::closed () const
{
  return dtls_ && dtls_->state () == DtlsConnection::State::closed;
}

void
RawViewer::pump ()
{
  for (unsigned i = 0; i < sockets_.size (); i++) {
    std::uint8_t bytes[2048];
    for (ssize_t n; (n = recv (sockets_[i].fd, bytes, sizeof bytes, 0)) >= 0;) {
      sockets_[i].received++;
      receive (i, {bytes, static_cast<std::size_t> (n)});
    }
  }
  if (!dtls_ || closed ())
    return;
  std::int64_t now = g_get_monotonic_time ();
  if (now >= next_check_us_) {
    send (socket_, make_check ({}));
    next_check_us_ = now + (check_answers_ ? kCheckUs : kFirstCheckUs);
  }
  if (auto due = dtls_->deadline_us (); due && now >= *due)
    dtls_->on_deadline (now);
  run_dtls ();
  if (sender_ && now >= next_report_us_) {
    send (socket_, make_receiver_report ());
    next_report_us_ = now + kReportUs;
  }
}

void
RawViewer::receive (unsigned, std::span<std::uint8_t> bytes)
{
  if (bytes.empty ())
    return;
  if (bytes[0] < 4) {
    receive_stun (bytes);
  } else if (bytes[0] >= 20 && bytes[0] <= 63) {
    dtls_->receive (bytes, g_get_monotonic_time ());
    run_dtls ();
  } else if (receiver_) {
    receive_rtp (bytes);
  }
}

void
RawViewer::receive_stun (std::span<const std::uint8_t> bytes)
{
  // By the transaction that the agent remembers, and its password.
  StunMessage message{};
  StunValidationStatus status = stun_agent_validate (&agent_, &message,
      bytes.data (), bytes.size (), nullptr, nullptr);
  if (status != STUN_VALIDATION_SUCCESS)
    return;
  int code = 0;
  if (stun_message_get_class (&message) == STUN_ERROR) {
    if (stun_message_find_error (&message, &code)
        == STUN_MESSAGE_RETURN_SUCCESS)
      check_errors_[code]++;
    return;
  }
  check_answers_++;
  if (check_answers_ == 1)
    dtls_->start (g_get_monotonic_time ());
}

void
RawViewer::run_dtls ()
{
  for (std::span<const std::uint8_t> datagram;
       dtls_->next_datagram (datagram);) {
    dtls_sent_.emplace_back (datagram.begin (), datagram.end ());
    send (socket_, dtls_sent_.back ());
  }
  if (dtls_->state () == DtlsConnection::State::failed)
    g_error ("DTLS: %s", dtls_->error ().c_str ());
  if (dtls_->state () != DtlsConnection::State::connected || receiver_)
    return;
  const DtlsSrtpKeys &keys = *dtls_->keys ();
  auto receiver = SrtpReceiver::create (keys.remote);
  auto sender = SrtpSender::create (keys.local);
  if (!receiver || !sender)
    g_error ("no SRTP");
  receiver_ = std::move (*receiver);
  sender_ = std::move (*sender);
}

void
RawViewer::receive_rtp (std::span<std::uint8_t> bytes)
{
  if (bytes.size () > 1 && bytes[1] >= 192 && bytes[1] <= 223) {
    if (receiver_->unprotect_rtcp (bytes))
      rtcp_packets_++;
    else
      undecipherable_++;
    return;
  }
  SrtpReceiver::Plain plain = receiver_->unprotect_rtp (bytes);
  if (!plain) {
    undecipherable_++;
    return;
  }
  std::int64_t now = g_get_monotonic_time ();
  switch (plain.packet[1] & 0x7f) {
    case kVideoType:
      video_.add (plain.packet.data (), plain.packet.size (), now);
      newest_video_ = be16 (plain.packet, 2);
      break;
    case kAudioType:
      audio_.add (plain.packet.data (), plain.packet.size (), now);
      break;
    case kRtxType:
      retransmissions_++;
      break;
    default:
      other_packets_++;
  }
}

} // namespace restream::test
