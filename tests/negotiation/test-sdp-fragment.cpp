// SPDX-License-Identifier: LGPL-2.1-or-later
// Fragments of SDP (RFC 8840), and the server's own offer with the answer to it.
#include "plugin/negotiation/counter-offer.h"
#include "plugin/negotiation/sdp-fragment.h"
#include "tests/negotiation/offers.h"

#include <glib.h>

using namespace restream;
using namespace restream::negotiation;

static const IceParameters kIce = {.ufrag = "abcd",
    .pwd = "abcdefghijklmnopqrstuv"};
static const std::string kCredentials =
    "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n";
static const std::string kNew =
    "a=ice-ufrag:efgh\r\na=ice-pwd:ABCDEFGHIJKLMNOPQRSTUV\r\n";
static const std::string kVideo = "m=video 9 RTP/AVP 0\r\na=mid:v\r\n";
static const std::string kCandidate =
    "a=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host\r\n";

// Two bundled sections, and one that was rejected.
static Plan
plan ()
{
  Plan plan;
  for (const char *mid : {"v", "a", "x"}) {
    Section section;
    section.media = *mid == 'v' ? "video" : "audio";
    section.protocol = "UDP/TLS/RTP/SAVPF";
    section.mid = mid;
    if (*mid != 'x') {
      section.accepted.emplace ();
      section.accepted->payload_type = 96;
      plan.bundle.push_back (mid);
    }
    plan.sections.push_back (section);
  }
  return plan;
}

static Code
code_of (const std::string &text)
{
  Result<IceUpdate> update = read_fragment (text, plan (), kIce);
  return update ? Code{} : update.error ().code;
}

static void
test_trickle ()
{
  for (const std::string &text :
      {kCredentials + kVideo + kCandidate, kVideo + kCredentials + kCandidate,
          kVideo + kCandidate, kCandidate + "\r\n\r\n",
          kCredentials + kVideo + kCandidate + kCandidate
              + "m=audio 9 x 0\r\n"
                "a=mid:a\r\n"
              + kCredentials + "a=end-of-candidates\r\n"}) {
    Result<IceUpdate> update = read_fragment (text, plan (), kIce);
    g_assert_true (update.has_value ());
    g_assert_false (update->restart);
    g_assert_cmpstr (update->ice.ufrag.c_str (), ==, "abcd");
    g_assert_cmpuint (update->candidates.size (), ==, 1);
    g_assert_cmpstr (update->candidates[0].c_str (), ==,
        "1 1 UDP 2122260223 192.0.2.1 61764 typ host");
  }
  // Of sections that are not the session's, nothing counts.
  Result<IceUpdate> other = read_fragment (kCredentials + kVideo
          + "m=audio 9 x 0\r\na=mid:x\r\n" + kNew + kCandidate,
      plan (), kIce);
  g_assert_true (other.has_value ());
  g_assert_false (other->restart);
  g_assert_cmpuint (other->candidates.size (), ==, 0);
  std::string many = kVideo;
  for (unsigned i = 1; i < 1000; i++)
    many += "a=candidate:1 1 udp 1 192.0.2.1 " + std::to_string (i)
        + " typ host\r\n";
  g_assert_cmpuint (read_fragment (many, plan (), kIce)->candidates.size (), ==,
      kMaxCandidates);
}

static void
test_restart ()
{
  Result<IceUpdate> update = read_fragment (kVideo + kNew + kCandidate
          + "a=candidate:2 1 udp 1 192.0.2.2 9 typ host ufrag abcd\r\n",
      plan (), kIce);
  g_assert_true (update.has_value ());
  g_assert_true (update->restart);
  g_assert_cmpstr (update->ice.ufrag.c_str (), ==, "efgh");
  g_assert_cmpstr (update->ice.pwd.c_str (), ==, "ABCDEFGHIJKLMNOPQRSTUV");
  g_assert_cmpuint (update->candidates.size (), ==, 1); // the other is of old
}

static void
test_refused ()
{
  for (const std::string &text :
      {std::string (""), std::string ("x\r\n"), std::string ("\r\n"),
          kCredentials + "\r\n" + kVideo, std::string ("v=0\r\n"),
          std::string ("a=\r\n"), std::string ("a=ice-ufrag:efgh\r\n"),
          std::string ("a=ice-pwd:ABCDEFGHIJKLMNOPQRSTUV\r\n"),
          std::string (
              "a=ice-ufrag:abcd\r\na=ice-pwd:ABCDEFGHIJKLMNOPQRSTUV\r\n"),
          std::string (
              "a=ice-ufrag:efgh\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n"),
          std::string (
              "a=ice-ufrag:e!gh\r\na=ice-pwd:ABCDEFGHIJKLMNOPQRSTUV\r\n"),
          kCredentials + kVideo + kNew, std::string ("m=video 9\r\n"),
          "m=video 9 x 0\r\n" + kCredentials, std::string ("a=mid:\1\r\n"),
          std::string ("a=mid:v\0\r\n", 9)})
    g_assert_true (code_of (text) == Code::bad_request);
  g_assert_true (
      code_of ("m=video 9 x 0\r\na=mid:7\r\n" + kNew) == Code::unprocessable);
  g_assert_true (
      code_of ("m=audio 9 x 0\r\na=mid:x\r\n" + kNew) == Code::unprocessable);
  std::string sections;
  for (int i = 0; i < 40; i++)
    sections += kVideo;
  g_assert_true (code_of (sections) == Code::too_large);
  g_assert_true (
      code_of (std::string (kMaxFragmentBytes + 1, 'a')) == Code::too_large);
  std::string lines;
  for (std::size_t i = 0; i <= kMaxFragmentLines; i++)
    lines += "a=x\r\n";
  g_assert_true (code_of (lines) == Code::too_large);
}

static void
test_make ()
{
  LocalTransport local;
  local.ice = {.ufrag = "ours", .pwd = "ABCDEFGHIJKLMNOPQRSTUV", .lite = true};
  local.candidates = {"1 1 udp 1 192.0.2.9 5 typ host"};
  std::string text = make_fragment (plan (), local);
  g_assert_cmpstr (text.c_str (), ==,
      "a=ice-lite\r\na=group:BUNDLE v a\r\n"
      "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:v\r\n"
      "a=ice-ufrag:ours\r\na=ice-pwd:ABCDEFGHIJKLMNOPQRSTUV\r\n"
      "a=candidate:1 1 udp 1 192.0.2.9 5 typ host\r\na=end-of-candidates\r\n");
  g_assert_true (read_fragment (text, plan (), kIce)->restart);
}

// A viewer that takes all of the offer, by giving it back.
static std::string
answer_to (std::string offer)
{
  auto replace = [&] (const std::string &from, const std::string &to) {
    for (std::size_t at = 0; (at = offer.find (from, at)) != offer.npos;
         at += to.size ())
      offer.replace (at, from.size (), to);
  };
  replace ("a=sendonly", "a=recvonly");
  replace ("a=setup:actpass", "a=setup:active");
  return offer;
}

static void
test_counter_offer ()
{
  StreamDescription stream = test::default_stream ();
  TransportCapabilities transport = test::full_transport ();
  LocalDescription local = test::local_description ();
  local.streams = {{.media = Media::video, .ssrc = 1, .rtx_ssrc = 2},
      {.media = Media::audio, .ssrc = 3, .rtx_ssrc = {}}};
  std::string offer = make_offer (stream, transport, local);
  g_assert_nonnull (strstr (offer.c_str (), "a=group:BUNDLE 0 1\r\n"));
  g_assert_nonnull (strstr (offer.c_str (), "a=ssrc-group:FID 1 2\r\n"));
  g_assert_null (strstr (offer.c_str (), "sprop"));
  Result<Plan> taken = read_answer (answer_to (offer), stream, transport);
  g_assert_true (taken.has_value ());
  g_assert_true (taken->setup == Setup::active);
  for (Media media : kAllMedia)
    g_assert_nonnull (taken->find (media));
  g_assert_cmpuint (taken->find (Media::video)->rtx_payload_type.value (), ==,
      97);

  g_assert_true (read_answer (offer, stream, transport).error ().code
      == Code::unprocessable); // sendonly: nothing is received
  std::string undecided = answer_to (offer);
  undecided.replace (undecided.find ("setup:active"), 12, "setup:actpass");
  g_assert_true (read_answer (undecided, stream, transport).error ().code
      == Code::bad_request);
  g_assert_true (
      read_answer ("", stream, transport).error ().code == Code::bad_request);
  // Other payload types are the viewer's right, but no more than the transport can.
  std::string others = answer_to (offer);
  for (std::size_t at = 0; (at = others.find ("97", at)) != others.npos;)
    others.replace (at, 2, "98");
  g_assert_cmpuint (read_answer (others, stream, transport)
                        ->find (Media::video)
                        ->rtx_payload_type.value (),
      ==, 98);
  transport.fixed_payload_types = true;
  g_assert_true (
      read_answer (answer_to (offer), stream, transport).has_value ());
  g_assert_true (read_answer (others, stream, transport).error ().code
      == Code::unprocessable);
  // Without an SSRC for it there is no RTX.
  local.streams[0].rtx_ssrc.reset ();
  g_assert_null (
      strstr (make_offer (stream, transport, local).c_str (), "rtx"));
  // Of one medium there is one section.
  stream.audio.reset ();
  offer = make_offer (stream, transport, local);
  g_assert_nonnull (strstr (offer.c_str (), "a=group:BUNDLE 0\r\n"));
  g_assert_null (strstr (offer.c_str (), "m=audio"));
}

// webrtcbin is shown all of what it offered, by its own mids, and of the answer no more than the choice.
static void
test_canonical_answer ()
{
  StreamDescription stream = test::default_stream ();
  TransportCapabilities transport = test::full_transport ();
  LocalDescription local = test::local_description ();
  local.streams = {{.media = Media::video, .ssrc = 1, .rtx_ssrc = 2},
      {.media = Media::audio, .ssrc = 3, .rtx_ssrc = {}}};
  std::string answer = answer_to (make_offer (stream, transport, local));
  const Plan offered = plan_offer (stream, transport);
  answer += "a=x-anything:else\r\n";
  Result<Plan> both = read_answer (answer, stream, transport);
  std::string shown = canonical_answer (*both, offered, {"v0", "a1"});
  g_assert_nonnull (strstr (shown.c_str (), "a=group:BUNDLE v0 a1\r\n"));
  g_assert_nonnull (strstr (shown.c_str (), "a=mid:a1\r\n"));
  g_assert_nonnull (strstr (shown.c_str (), "a=setup:active\r\n"));
  g_assert_null (strstr (shown.c_str (), "a=inactive"));
  g_assert_null (strstr (shown.c_str (), "anything"));

  stream.audio.reset (); // as if the viewer did not take it
  Result<Plan> video = read_answer (answer, stream, transport);
  g_assert_null (video->find (Media::audio));
  shown = canonical_answer (*video, offered, {"v0", "a1"});
  const char *audio = strstr (shown.c_str (), "m=audio 9 ");
  g_assert_nonnull (audio);
  g_assert_nonnull (strstr (audio, "a=inactive\r\n"));
  g_assert_nonnull (strstr (audio, "a=ice-ufrag:"));
  g_assert_null (strstr (audio, "a=recvonly"));
  g_assert_null (strstr (shown.c_str (), " 0 UDP")); // would be its end
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/negotiation/fragment/trickle", test_trickle);
  g_test_add_func ("/negotiation/fragment/restart", test_restart);
  g_test_add_func ("/negotiation/fragment/refused", test_refused);
  g_test_add_func ("/negotiation/fragment/make", test_make);
  g_test_add_func ("/negotiation/counter-offer", test_counter_offer);
  g_test_add_func ("/negotiation/canonical-answer", test_canonical_answer);
  return g_test_run ();
}
