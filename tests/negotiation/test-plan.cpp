// SPDX-License-Identifier: LGPL-2.1-or-later
// What a plan and an answer say in detail.
#include "tests/negotiation/offers.h"

#include "plugin/negotiation/codec-match.h"

#include <algorithm>

using namespace restream;
using namespace restream::negotiation;

namespace {

void
assert_equal (const std::string &a, const std::string &b)
{
  g_assert_cmpstr (a.c_str (), ==, b.c_str ());
}

void
replace (std::string &text, std::string_view what, std::string_view by)
{
  std::size_t at = text.find (what);
  g_assert_true (at != std::string::npos);
  while (at != std::string::npos) {
    text.replace (at, what.size (), by);
    at = text.find (what, at + by.size ());
  }
}

std::string
offer_named (const char *file)
{
  for (test::OfferCase &offer : test::load_offers ()) {
    if (offer.file == file)
      return std::move (offer.text);
  }
  g_error ("no offer %s", file);
}

Plan
plan_of (const std::string &text,
    const StreamDescription &stream = test::default_stream (),
    const TransportCapabilities &transport = test::full_transport ())
{
  Result<Plan> plan = make_plan (text, stream, transport);
  if (!plan)
    g_error ("refused: %s", plan.error ().what.c_str ());
  return std::move (*plan);
}

Error
refusal_of (const std::string &text,
    const StreamDescription &stream = test::default_stream ())
{
  Result<Plan> plan = make_plan (text, stream, test::full_transport ());
  g_assert_false (plan.has_value ());
  return plan.error ();
}

bool
has_line (const std::string &text, const std::string &line)
{
  return ("\n" + text).find ("\n" + line + "\r\n") != std::string::npos;
}

void
assert_line (const std::string &text, const std::string &line)
{
  if (!has_line (text, line))
    g_error ("no line %s in\n%s", line.c_str (), text.c_str ());
}

StreamDescription
video_stream (Codec codec)
{
  StreamDescription stream;
  stream.video = std::move (codec);
  return stream;
}

StreamDescription
audio_stream (Codec codec)
{
  StreamDescription stream;
  stream.audio = std::move (codec);
  return stream;
}

unsigned
h264_type (const char *file, const char *level_id)
{
  auto stream = video_stream ({"H264", 90000, 0,
      {{"packetization-mode", "1"}, {"profile-level-id", level_id}}});
  return plan_of (offer_named (file), stream).find (Media::video)->payload_type;
}

} // namespace

static void
h264_profile ()
{
  const char *chromium = "offers/chromium.sdp";
  g_assert_cmpuint (h264_type (chromium, "42c01f"), ==, 108);
  g_assert_cmpuint (h264_type (chromium, "42001f"), ==, 102);
  g_assert_cmpuint (h264_type (chromium, "4d0028"), ==, 116);
  g_assert_cmpuint (h264_type (chromium, "640028"), ==,
      41); // 4:4:4 includes it
  g_assert_cmpuint (h264_type (chromium, "f40028"), ==, 41);
  // Neither offers High or what includes it, both decode it.
  g_assert_cmpuint (h264_type ("offers/firefox.sdp", "640028"), ==, 126);
  g_assert_cmpuint (h264_type ("offers/safari.sdp", "640028"), ==, 96);
  g_assert_cmpuint (h264_type ("offers/safari.sdp", "42c01f"), ==, 98);
  g_assert_cmpuint (h264_type ("offers/pion.sdp", "640028"), ==, 112);

  g_assert_cmpuint (h264_profile_distance (0x42c01f, 0x42e01f), ==, 0);
  g_assert_cmpuint (h264_profile_distance (0x42c01f, 0x4d801f), ==, 0);
  g_assert_cmpuint (h264_profile_distance (0x640028, 0x64001f), ==, 0);
  g_assert_cmpuint (h264_profile_distance (0x640028, 0x640c1f), >,
      h264_profile_distance (0x640028, 0xf4001f));
  g_assert_cmpuint (h264_profile_distance (0x4d0028, 0x42e01f), >,
      h264_profile_distance (0x4d0028, 0x64001f));
}

static void
h264_parameters ()
{
  auto stream = test::default_stream ();
  stream.video->parameters = {{"packetization-mode", "1"},
      {"profile-level-id", "640028"}};
  std::string firefox = offer_named ("offers/firefox.sdp");
  std::string answer =
      make_answer (plan_of (firefox, stream), test::local_description ());
  // The viewer's profile, the stream's level.
  assert_line (answer,
      "a=fmtp:126 level-asymmetry-allowed=1;"
      "packetization-mode=1;profile-level-id=42e028");

  std::string symmetric = firefox;
  replace (symmetric, "level-asymmetry-allowed=1", "x=1");
  answer =
      make_answer (plan_of (symmetric, stream), test::local_description ());
  assert_line (answer,
      "a=fmtp:126 packetization-mode=1;"
      "profile-level-id=42e01f");

  // FFmpeg in single NAL unit mode goes into mode 0, and where that is not
  // offered into mode 1.
  stream.video->parameters = {{"packetization-mode", "0"}};
  Plan plan = plan_of (firefox, stream);
  g_assert_cmpuint (plan.find (Media::video)->payload_type, ==, 97);
  plan = plan_of (offer_named ("odd/video-only.sdp"), stream);
  g_assert_cmpuint (plan.find (Media::video)->payload_type, ==, 96);
}

// Black at the viewer, without a word, is the worst of all answers.
static void
h264_beyond_high ()
{
  auto stream = [] (const char *level_id) {
    return video_stream ({"H264", 90000, 0,
        {{"packetization-mode", "1"}, {"profile-level-id", level_id}}});
  };
  const char *chromium = "offers/chromium.sdp";
  // Its 4:4:4 includes the others.
  for (const char *level_id : {"f4001f", "7a001f", "6e001f"})
    g_assert_cmpuint (h264_type (chromium, level_id), ==, 41);
  struct
  {
    const char *level_id, *name;
  } cases[] = {{"f4001f", "High 4:4:4 Predictive"}, {"7a001f", "High 4:2:2"},
      {"6e001f", "High 10"}};
  for (const auto &c : cases) {
    Error error =
        refusal_of (offer_named ("offers/firefox.sdp"), stream (c.level_id));
    g_assert_true (error.code == Code::not_acceptable);
    assert_equal (error.what,
        std::string ("the offer's video section: the stream is H264/90000 of "
                     "profile ")
            + c.name
            + " in packetization-mode=1, and none of the offered H264 formats "
              "fits it; browsers want 8 bits and 4:2:0 (FFmpeg: -pix_fmt "
              "yuv420p)");
  }
}

// The decoder's own profile, or one that includes it; and then the level.
static void
h265_profile ()
{
  const std::string safari = offer_named ("offers/safari.sdp");
  auto stream = [] (const char *profile) {
    return video_stream ({"H265", 90000, 0,
        {{"profile-id", profile}, {"tier-flag", "0"}, {"level-id", "120"}}});
  };
  Plan plan = plan_of (safari, stream ("1"));
  g_assert_cmpuint (plan.find (Media::video)->payload_type, ==, 104);
  assert_line (make_answer (plan, test::local_description ()),
      "a=fmtp:104 level-id=93;profile-id=1;tier-flag=0;tx-mode=SRST");
  Error error = refusal_of (safari, stream ("2"));
  assert_equal (error.what,
      "the offer's video section: the stream is H265/90000 with profile-id=2, "
      "and none of the offered H265 formats fits it");

  // Main 10 has room for Main, and the level decides between two.
  std::string text = safari;
  replace (text, "level-id=93;profile-id=1", "level-id=93;profile-id=2");
  g_assert_cmpuint (
      plan_of (text, stream ("1")).find (Media::video)->payload_type, ==, 104);
  replace (text, "a=rtpmap:104 H265/90000",
      "a=rtpmap:104 H265/90000\r\na=rtpmap:127 H265/90000\r\n"
      "a=fmtp:127 level-id=150;profile-id=2");
  const bool listed = text.find (" 104 ") != std::string::npos;
  g_assert_true (listed);
  text.replace (text.find (" 104 "), 5, " 104 127 ");
  if (plan_of (text, stream ("1")).find (Media::video)->payload_type != 127)
    g_error ("the lower level was taken of\n%s", text.c_str ());
}

static void
other_codecs ()
{
  std::string chromium = offer_named ("offers/chromium.sdp");
  auto video_type = [&] (Codec codec) {
    return plan_of (chromium, video_stream (std::move (codec)))
        .find (Media::video)
        ->payload_type;
  };
  auto audio_type = [&] (Codec codec) {
    return plan_of (chromium, audio_stream (std::move (codec)))
        .find (Media::audio)
        ->payload_type;
  };
  g_assert_cmpuint (video_type ({"VP8", 90000}), ==, 96);
  g_assert_cmpuint (video_type ({"VP9", 90000}), ==, 98);
  g_assert_cmpuint (video_type ({"VP9", 90000, 0, {{"profile-id", "2"}}}), ==,
      100);
  g_assert_cmpuint (video_type ({"AV1", 90000}), ==, 45);
  g_assert_cmpuint (video_type ({"AV1", 90000, 0, {{"profile", "1"}}}), ==, 47);
  g_assert_cmpuint (audio_type ({"PCMU", 8000, 1}), ==, 0);
  g_assert_cmpuint (audio_type ({"PCMA", 8000, 1}), ==, 8);
  g_assert_cmpuint (audio_type ({"G722", 8000}), ==, 9);
  g_assert_cmpuint (audio_type ({"opus", 48000}), ==, 111);

  auto h265 = plan_of (offer_named ("offers/safari.sdp"),
      video_stream ({"H265", 90000}));
  g_assert_cmpuint (h265.find (Media::video)->payload_type, ==, 104);

  auto unknown = video_stream ({"H265", 90000});
  Error error = refusal_of (chromium, unknown);
  g_assert_cmpint (static_cast<int> (error.code), ==,
      static_cast<int> (Code::not_acceptable));
  assert_equal (error.what,
      "the offer's video section: the stream is H265, "
      "the offer has VP8, VP9, H264, AV1");

  // Static payload types need no rtpmap.
  std::string bare = offer_named ("odd/no-opus.sdp");
  g_assert_true (bare.find ("PCMA") == std::string::npos);
  auto pcma = plan_of (bare, audio_stream ({"PCMA", 8000, 1}));
  g_assert_cmpuint (pcma.find (Media::audio)->payload_type, ==, 8);
  assert_line (make_answer (pcma, test::local_description ()),
      "a=rtpmap:8 PCMA/8000");
}

static void
no_more_than_the_transport_can ()
{
  std::string chromium = offer_named ("offers/chromium.sdp");
  Plan full = plan_of (chromium);
  const MediaPlan *video = full.find (Media::video);
  g_assert_true (video->rtx_payload_type == 109);
  g_assert_true (video->feedback
      == (std::vector<std::string>{"nack", "nack pli", "ccm fir",
          "transport-cc"}));
  g_assert_cmpuint (video->extensions.size (), ==, 2);
  g_assert_cmpuint (video->extensions[0].id, ==, 4);
  g_assert_cmpuint (video->extensions[1].id, ==, 9);
  const MediaPlan *audio = full.find (Media::audio);
  g_assert_false (audio->rtx_payload_type.has_value ());
  g_assert_true (audio->feedback == (std::vector<std::string>{"transport-cc"}));
  g_assert_true (audio->red_payload_type == 63);
  g_assert_false (video->red_payload_type.has_value ());
  std::string told = make_answer (full, test::local_description ());
  assert_line (told, "a=rtpmap:63 red/48000/2");
  assert_line (told, "a=fmtp:63 111/111");
  // Of another payload type than Opus', without its blocks, with one that is taken; or of who asks
  // for what it has lost.
  const std::string fmtp = "a=fmtp:63 111/111";
  for (const char *other : {"a=fmtp:63 110/111", "a=fmtp:63 111/1111",
           "a=fmtp:63 111", "a=fmtp:63 111/", "a=fmtp:63 apt=111/111", "a=x",
           "a=fmtp:63 111/111\r\na=rtcp-fb:111 nack"}) {
    std::string offer = chromium;
    offer.replace (offer.find (fmtp), fmtp.size (), other);
    g_assert_false (
        plan_of (offer).find (Media::audio)->red_payload_type.has_value ());
  }

  Plan bare = plan_of (chromium, test::default_stream (), {});
  video = bare.find (Media::video);
  g_assert_false (video->rtx_payload_type.has_value ());
  g_assert_cmpuint (video->feedback.size (), ==, 0);
  g_assert_cmpuint (video->extensions.size (), ==, 0);
  std::string answer = make_answer (bare, test::local_description ());
  for (const char *word : {"rtx", "red/", "rtcp-fb", "extmap", "FID", "apt="})
    g_assert_true (answer.find (word) == std::string::npos);

  // One-way extensions are answered the other way round.
  TransportCapabilities delay;
  delay.extensions = {
      "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"};
  Plan firefox = plan_of (offer_named ("offers/firefox.sdp"),
      test::default_stream (), delay);
  assert_line (make_answer (firefox, test::local_description ()),
      "a=extmap:6/sendonly " + delay.extensions[0]);

  for (const char *file : {"odd/rtx-without-apt.sdp", "odd/rtx-apt-loop.sdp",
           "odd/rtx-apt-itself.sdp", "odd/rtx-apt-garbage.sdp"})
    g_assert_false (plan_of (offer_named (file))
                        .find (Media::video)
                        ->rtx_payload_type.has_value ());
  Plan wildcard = plan_of (offer_named ("odd/feedback-wildcard.sdp"));
  g_assert_cmpuint (wildcard.find (Media::video)->feedback.size (), ==, 3);
  g_assert_cmpuint (plan_of (offer_named ("odd/extmap-id-15.sdp"))
                        .find (Media::video)
                        ->extensions.size (),
      ==, 0);
}

static void
mid_extension_needs_a_short_mid ()
{
  const std::string kMid = "urn:ietf:params:rtp-hdrext:sdes:mid";
  auto taken = [&] (const std::string &text) {
    const Plan plan = plan_of (text);
    const auto &extensions = plan.find (Media::video)->extensions;
    return std::any_of (extensions.begin (), extensions.end (),
        [&] (const HeaderExtension &extension) {
          return extension.uri == kMid;
        });
  };
  std::string offer = offer_named ("odd/video-only.sdp");
  for (std::size_t size : {16u, 17u}) {
    std::string mid (size, 'm');
    std::string text = offer;
    replace (text, "BUNDLE 0", "BUNDLE " + mid);
    replace (text, "mid:0", "mid:" + mid);
    g_assert_cmpint (taken (text), ==, size <= 16);
  }
  g_assert_false (taken (offer_named ("odd/no-mid.sdp")));
}

static void
transport ()
{
  Plan chromium = plan_of (offer_named ("offers/chromium.sdp"));
  assert_equal (chromium.ice.ufrag, "7AFS");
  assert_equal (chromium.ice.pwd, "VAZbX1xqRX35PdsaQwH/poWc");
  g_assert_true (chromium.ice.trickle);
  g_assert_false (chromium.ice.lite);
  g_assert_true (chromium.setup == Setup::actpass);
  g_assert_cmpuint (chromium.candidates.size (), ==, 0); // mDNS names only
  g_assert_cmpuint (chromium.fingerprints.size (), ==, 1);
  assert_equal (chromium.fingerprints[0].algorithm, "sha-256");
  g_assert_cmpuint (chromium.fingerprints[0].digest.size (), ==, 32);
  g_assert_cmpuint (chromium.fingerprints[0].digest[0], ==, 0xf8);
  g_assert_cmpuint (chromium.fingerprints[0].digest[31], ==, 0x7e);

  // A weak one is dropped, and the media's goes before the session's.
  for (const char *file : {"odd/fingerprint-sha1-and-sha256.sdp",
           "odd/two-fingerprints-and-sessions.sdp"}) {
    Plan plan = plan_of (offer_named (file));
    g_assert_cmpuint (plan.fingerprints.size (), ==, 1);
    assert_equal (plan.fingerprints[0].algorithm, "sha-256");
  }
  g_assert_true (plan_of (offer_named ("odd/ice-lite.sdp")).ice.lite);
  g_assert_true (
      plan_of (offer_named ("offers/libdatachannel.sdp")).ice.trickle);
  // The first accepted one of the group is the one to talk to.
  Plan reversed = plan_of (offer_named ("odd/bundle-order-reversed.sdp"));
  g_assert_true (reversed.bundle == (std::vector<std::string>{"1", "0"}));
  Plan led = plan_of (offer_named ("odd/data-channel-first.sdp"));
  g_assert_true (led.bundle == (std::vector<std::string>{"0", "1"}));
  std::string different = offer_named ("odd/ice-different.sdp");
  assert_equal (plan_of (different).ice.ufrag, "7AFS");
  replace (different, "BUNDLE 0 1", "BUNDLE 1 0");
  assert_equal (plan_of (different).ice.ufrag, "8BGT");
}

static void
candidates ()
{
  using List = std::vector<std::string>;
  auto of = [] (const char *file) {
    return plan_of (offer_named (file)).candidates;
  };
  g_assert_true (of ("odd/candidates-garbage.sdp").empty ());
  g_assert_true (of ("odd/candidates-mdns.sdp").empty ());
  g_assert_true (of ("odd/candidates-of-another-ufrag.sdp").empty ());
  g_assert_cmpuint (of ("odd/candidates-500.sdp").size (), ==, kMaxCandidates);
  g_assert_true (of ("odd/candidates-ipv6.sdp")
      == (List{"1 1 UDP 2113937151 2001:db8::7 51229 typ host",
          "2 1 TCP 1518280447 2001:db8::7 9 typ host tcptype active"}));
  // Component 2 and names are dropped, the viewer's own network is not repeated.
  g_assert_true (of ("offers/firefox.sdp")
      == (List{"2 1 UDP 1686052863 198.51.100.9 51234 typ srflx "
               "raddr 0.0.0.0 rport 9"}));
  g_assert_true (of ("offers/pion.sdp")
      == (List{"1966762134 1 UDP 2130706431 192.0.2.30 43177 typ host"}));
  // Those of the transport that is used, not of each section.
  g_assert_cmpuint (of ("offers/werift.sdp").size (), ==, 2);

  Plan plan = plan_of (offer_named ("odd/candidates-ipv6.sdp"));
  assert_line (canonical_offer (plan),
      "a=candidate:1 1 UDP 2113937151 2001:db8::7 51229 typ host");
}

static void
setup ()
{
  struct
  {
    const char *file;
    Setup local;
    const char *answered;
  } cases[] = {
      {"odd/no-setup.sdp", Setup::active, "passive"},
      {"odd/setup-active.sdp", Setup::active, "passive"},
      {"odd/setup-passive.sdp", Setup::passive, "active"},
      {"odd/sendrecv.sdp", Setup::passive, "passive"},
      {"odd/sendrecv.sdp", Setup::active, "active"},
      {"odd/sendrecv.sdp", Setup::actpass, "passive"},
  };
  for (const auto &c : cases) {
    LocalDescription local = test::local_description ();
    local.transport.setup = c.local;
    std::string answer = make_answer (plan_of (offer_named (c.file)), local);
    assert_line (answer, std::string ("a=setup:") + c.answered);
  }
}

static void
answer_text ()
{
  LocalDescription local = test::local_description ();
  local.session_id = UINT64_MAX;
  std::string answer =
      make_answer (plan_of (offer_named ("odd/data-channel-first.sdp")), local);
  const char *expected =
      "v=0\r\n"
      "o=- 9223372036854775807 1 IN IP4 127.0.0.1\r\n"
      "s=-\r\n"
      "t=0 0\r\n"
      "a=group:BUNDLE 0 1\r\n"
      "a=ice-lite\r\n"
      "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n"
      "c=IN IP4 0.0.0.0\r\n"
      "a=mid:2\r\n"
      "a=ice-ufrag:abcd1234\r\n"
      "a=ice-pwd:0123456789abcdefghijkl\r\n"
      "a=fingerprint:sha-256 "
      "A5:A5:A5:A5:A5:A5:A5:A5:A5:A5:A5:A5:A5:A5:A5:A5:"
      "A5:A5:A5:A5:A5:A5:A5:A5:A5:A5:A5:A5:A5:A5:A5:A5\r\n"
      "a=setup:passive\r\n"
      "a=inactive\r\n"
      "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n"
      "c=IN IP4 0.0.0.0\r\n"
      "a=mid:0\r\n"
      "a=sendonly\r\n"
      "a=msid:stream video\r\n"
      "a=ice-ufrag:abcd1234\r\n"
      "a=ice-pwd:0123456789abcdefghijkl\r\n"
      "a=fingerprint:sha-256 "
      "A5:A5:A5:A5:A5:A5:A5:A5:A5:A5:A5:A5:A5:A5:A5:A5:"
      "A5:A5:A5:A5:A5:A5:A5:A5:A5:A5:A5:A5:A5:A5:A5:A5\r\n"
      "a=setup:passive\r\n"
      "a=rtcp-mux\r\n"
      "a=rtcp-mux-only\r\n"
      "a=rtpmap:96 H264/90000\r\n"
      "a=rtcp-fb:96 nack\r\n"
      "a=rtcp-fb:96 nack pli\r\n"
      "a=rtcp-fb:96 transport-cc\r\n"
      "a=fmtp:96 level-asymmetry-allowed=1;packetization-mode=1;"
      "profile-level-id=42e01f\r\n"
      "a=rtpmap:97 rtx/90000\r\n"
      "a=fmtp:97 apt=96\r\n"
      "a=extmap:4 http://www.ietf.org/id/"
      "draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n"
      "a=extmap:9 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
      "a=ssrc-group:FID 1001 1002\r\n"
      "a=ssrc:1001 cname:cname\r\n"
      "a=ssrc:1002 cname:cname\r\n"
      "a=candidate:1 1 UDP 2130706431 192.0.2.1 8189 typ host\r\n"
      "a=end-of-candidates\r\n"
      "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
      "c=IN IP4 0.0.0.0\r\n"
      "a=mid:1\r\n"
      "a=sendonly\r\n"
      "a=msid:stream audio\r\n"
      "a=ice-ufrag:abcd1234\r\n"
      "a=ice-pwd:0123456789abcdefghijkl\r\n"
      "a=fingerprint:sha-256 "
      "A5:A5:A5:A5:A5:A5:A5:A5:A5:A5:A5:A5:A5:A5:A5:A5:"
      "A5:A5:A5:A5:A5:A5:A5:A5:A5:A5:A5:A5:A5:A5:A5:A5\r\n"
      "a=setup:passive\r\n"
      "a=rtcp-mux\r\n"
      "a=rtcp-mux-only\r\n"
      "a=rtpmap:111 opus/48000/2\r\n"
      "a=fmtp:111 minptime=10;useinbandfec=1;sprop-stereo=1\r\n"
      "a=extmap:4 http://www.ietf.org/id/"
      "draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n"
      "a=extmap:9 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
      "a=ssrc:2001 cname:cname\r\n";
  assert_equal (answer, expected);
}

static void
bounds ()
{
  std::string huge = offer_named ("odd/sendrecv.sdp");
  while (huge.size () < 10'000'000)
    huge += "a=x-filler:1\r\n";
  g_assert_true (refusal_of (huge).code == Code::too_large);

  std::string full = offer_named ("odd/sendrecv.sdp");
  full += "a=x-filler:" + std::string (3000, 'x') + "\r\n";
  while (full.size () < kMaxOfferBytes)
    full += '\n'; // blank lines at the end are no fault
  plan_of (full);
  full += '\n';
  g_assert_true (refusal_of (full).code == Code::too_large);

  // A stream of nothing refuses everything.
  g_assert_true (refusal_of (offer_named ("odd/sendrecv.sdp"), {}).code
      == Code::no_receiver);
}

static void
no_secret_in_messages ()
{
  std::string offer = offer_named ("odd/sendrecv.sdp");
  for (const char *by : {" a=ice-pwd:", "a=ice-pwd ",
           "x a=ice-pwd:", "a=ice-pwd:\x01", "a=ice-pwd:!"}) {
    std::string broken = offer;
    replace (broken, "a=ice-pwd:", by);
    g_assert_true (refusal_of (broken).what.find ("VAZb") == std::string::npos);
  }
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/plan/h264-profile", h264_profile);
  g_test_add_func ("/plan/h264-parameters", h264_parameters);
  g_test_add_func ("/plan/h264-beyond-high", h264_beyond_high);
  g_test_add_func ("/plan/h265-profile", h265_profile);
  g_test_add_func ("/plan/other-codecs", other_codecs);
  g_test_add_func ("/plan/no-more-than-the-transport-can",
      no_more_than_the_transport_can);
  g_test_add_func ("/plan/mid-extension", mid_extension_needs_a_short_mid);
  g_test_add_func ("/plan/transport", transport);
  g_test_add_func ("/plan/candidates", candidates);
  g_test_add_func ("/plan/setup", setup);
  g_test_add_func ("/plan/answer", answer_text);
  g_test_add_func ("/plan/bounds", bounds);
  g_test_add_func ("/plan/no-secret-in-messages", no_secret_in_messages);
  return g_test_run ();
}
