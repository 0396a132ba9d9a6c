// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/webrtcbin/local-description.h"

#include <glib.h>

#include <cstring>

namespace restream {
RESTREAM_FREE (GstSDPMessage, gst_sdp_message_free);
}

using namespace restream;
using namespace restream::transport;

static void
announced_addresses_become_candidates ()
{
  std::vector<std::string> candidates{
      "1 1 UDP 2015363327 192.0.2.2 50000 typ host",
      "2 1 TCP 1015021823 192.0.2.2 9 typ host tcptype active",
      "3 1 UDP 2015363583 2001:db8::1 50001 typ host",
  };
  announce_addresses (candidates, {"203.0.113.5", "2001:db8::99"});
  g_assert_cmpuint (candidates.size (), ==, 5);
  g_assert_cmpstr (candidates[3].c_str (), ==,
      "nat1 1 UDP 2015363326 203.0.113.5 50000 typ host");
  g_assert_cmpstr (candidates[4].c_str (), ==,
      "nat2 1 UDP 2015363581 2001:db8::99 50001 typ host");
}

static void
without_announced_addresses_nothing_changes ()
{
  std::vector<std::string> candidates{
      "1 1 UDP 2015363327 192.0.2.2 50000 typ host"};
  announce_addresses (candidates, {});
  g_assert_cmpuint (candidates.size (), ==, 1);
}

static Owned<GstSDPMessage>
parse (const std::string &text)
{
  GstSDPMessage *sdp = nullptr;
  g_assert_cmpint (gst_sdp_message_new_from_text (text.c_str (), &sdp), ==,
      GST_SDP_OK);
  return Owned<GstSDPMessage> (sdp);
}

// As webrtcbin makes it with one transport for all.
static const std::string kOffer =
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
    "a=group:BUNDLE video0 audio1\r\n"
    "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\na=mid:video0\r\n"
    "a=ice-ufrag:ours\r\na=ice-pwd:ABCDEFGHIJKLMNOPQRSTUV\r\n"
    "a=fingerprint:sha-256 01:AB\r\na=setup:actpass\r\na=sendonly\r\n"
    "a=rtpmap:96 H264/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n"
    "a=ssrc-group:FID 1 7\r\n"
    "a=candidate:1 1 UDP 1 192.0.2.2 50000 typ host\r\n"
    "m=audio 0 UDP/TLS/RTP/SAVPF 111\r\na=mid:audio1\r\na=bundle-only\r\n"
    "a=sendonly\r\na=rtpmap:111 OPUS/48000\r\n";

static restream::negotiation::Plan
offered ()
{
  restream::negotiation::Plan plan;
  for (Media media : kAllMedia) {
    restream::negotiation::Section section;
    section.accepted.emplace ();
    section.accepted->media = media;
    if (media == Media::video)
      section.accepted->rtx_payload_type = 97;
    plan.sections.push_back (section);
  }
  return plan;
}

static void
offer_of_webrtcbin ()
{
  Owned<GstSDPMessage> sdp = parse (kOffer);
  auto local = read_local_description (sdp.get (), offered ());
  g_assert_true (local.has_value ());
  g_assert_cmpuint (local->streams.size (), ==, 2);
  g_assert_cmpuint (local->streams[0].rtx_ssrc.value (), ==, 7);
  g_assert_cmpstr (local->transport.ice.ufrag.c_str (), ==, "ours");
  g_assert_cmpuint (local->transport.candidates.size (), ==, 1);
  const std::vector<std::string> mids = read_mids (sdp.get ());
  g_assert_cmpuint (mids.size (), ==, 2);
  g_assert_cmpstr (mids[1].c_str (), ==, "audio1");

  // RTX by another payload type than ours says is none.
  auto plan = offered ();
  plan.sections[0].accepted->rtx_payload_type = 98;
  g_assert_false (read_local_description (sdp.get (), plan)
                      ->streams[0]
                      .rtx_ssrc.has_value ());
}

static void
refused_sections ()
{
  for (const char *word : {"a=bundle-only\r\n", "a=sendonly\r\n"}) {
    std::string text = kOffer;
    std::size_t at = text.rfind (word);
    if (g_str_has_prefix (word, "a=bundle"))
      text.erase (at, strlen (word)); // then port 0 means what it says
    else
      text.replace (at, strlen (word), "a=inactive\r\n");
    Owned<GstSDPMessage> sdp = parse (text);
    auto local = read_local_description (sdp.get (), offered ());
    g_assert_false (local.has_value ());
    g_assert_nonnull (strstr (local.error ().what.c_str (), "audio"));
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/transport/local-description/announced",
      announced_addresses_become_candidates);
  g_test_add_func ("/transport/local-description/none-announced",
      without_announced_addresses_nothing_changes);
  g_test_add_func ("/transport/local-description/offer", offer_of_webrtcbin);
  g_test_add_func ("/transport/local-description/refused", refused_sections);
  return g_test_run ();
}
