// SPDX-License-Identifier: LGPL-2.1-or-later
// Every offer of index.tsv gets its verdict, and every answer keeps the rules.
#include "tests/negotiation/offers.h"

#include <gst/sdp/gstsdpmessage.h>

#include <algorithm>
#include <set>

namespace restream {
RESTREAM_FREE (GstSDPMessage, gst_sdp_message_free);
}

using namespace restream;
using namespace restream::negotiation;
using restream::test::OfferCase;

// g_assert_cmpstr() keeps no temporary alive.
static void
assert_equal (const std::string &a, const std::string &b)
{
  g_assert_cmpstr (a.c_str (), ==, b.c_str ());
}

static std::string
verdict_of (const Result<Plan> &plan)
{
  if (!plan)
    return test::name_of (plan.error ().code);
  std::string verdict;
  for (Media media : kAllMedia) {
    if (plan->find (media))
      verdict += (verdict.empty () ? "" : "+")
          + std::string (restream::name_of (media));
  }
  return verdict;
}

static Owned<GstSDPMessage>
parse (const std::string &text)
{
  GstSDPMessage *message = nullptr;
  g_assert_cmpint (gst_sdp_message_new_from_text (text.c_str (), &message), ==,
      GST_SDP_OK);
  return Owned<GstSDPMessage> (message);
}

static std::vector<std::string>
values (const GstSDPMedia *media, const char *name)
{
  std::vector<std::string> out;
  const char *value;
  for (guint i = 0;
       (value = gst_sdp_media_get_attribute_val_n (media, name, i)); i++)
    out.emplace_back (value);
  return out;
}

static bool
has (const GstSDPMedia *media, const char *name)
{
  return gst_sdp_media_get_attribute_val (media, name) != nullptr;
}

static void
check_lines (const std::string &text)
{
  g_assert_true (text.ends_with ("\r\n"));
  g_assert_cmpint (std::count (text.begin (), text.end (), '\n'), ==,
      std::count (text.begin (), text.end (), '\r'));
  g_assert_true (text.find ("\n\r\n") == std::string::npos);
}

// The rules of JSEP and WHEP that hold for any offer.
static void
check_answer (const Plan &plan, const std::string &text)
{
  check_lines (text);
  assert_equal (text, make_answer (plan, test::local_description ()));
  Owned<GstSDPMessage> answer = parse (text);
  g_assert_cmpuint (gst_sdp_message_medias_len (answer.get ()), ==,
      plan.sections.size ());

  std::vector<std::string> accepted_mids;
  std::set<std::string> streams, tracks;
  unsigned accepted = 0, with_candidates = 0;
  for (std::size_t i = 0; i < plan.sections.size (); i++) {
    const Section &section = plan.sections[i];
    const GstSDPMedia *media =
        gst_sdp_message_get_media (answer.get (), static_cast<guint> (i));
    g_assert_cmpstr (media->media, ==, section.media.c_str ());
    g_assert_cmpstr (media->proto, ==, section.protocol.c_str ());
    const char *mid = gst_sdp_media_get_attribute_val (media, "mid");
    g_assert_cmpstr (mid ? mid : "", ==, section.mid.c_str ());
    if (!section.accepted) {
      g_assert_cmpuint (media->port, ==, 0);
      g_assert_true (has (media, "inactive"));
      for (const char *name : {"ice-ufrag", "ice-pwd", "fingerprint", "setup"})
        g_assert_true (has (media, name)); // webrtcbin wants them
      continue;
    }
    accepted++;
    g_assert_cmpuint (media->port, ==, 9);
    g_assert_true (has (media, "sendonly"));
    for (const char *name : {"recvonly", "sendrecv", "inactive"})
      g_assert_false (has (media, name));
    for (const char *name : {"ice-ufrag", "ice-pwd", "fingerprint", "setup",
             "rtcp-mux", "rtcp-mux-only", "rtpmap", "ssrc"})
      g_assert_true (has (media, name));
    g_assert_cmpstr (gst_sdp_media_get_attribute_val (media, "setup"), !=,
        "actpass");
    assert_equal (gst_sdp_media_get_format (media, 0),
        std::to_string (section.accepted->payload_type));
    std::vector<std::string> msids = values (media, "msid");
    g_assert_cmpuint (msids.size (), ==, 1);
    streams.insert (msids[0].substr (0, msids[0].find (' ')));
    g_assert_true (tracks.insert (msids[0]).second);
    if (has (media, "candidate")) {
      with_candidates++;
      g_assert_true (has (media, "end-of-candidates"));
    }
    if (!section.mid.empty ())
      accepted_mids.push_back (section.mid);
  }
  g_assert_cmpuint (accepted, >, 0);
  g_assert_cmpuint (streams.size (), ==, 1);
  g_assert_cmpuint (with_candidates, ==, 1);

  const char *group =
      gst_sdp_message_get_attribute_val (answer.get (), "group");
  if (plan.bundle.empty ()) {
    g_assert_null (group);
    g_assert_cmpuint (accepted, ==, 1);
  } else {
    std::string expected = "BUNDLE";
    for (const std::string &mid : plan.bundle)
      expected += " " + mid;
    g_assert_cmpstr (group, ==, expected.c_str ());
    std::vector<std::string> bundled = plan.bundle;
    std::sort (bundled.begin (), bundled.end ());
    std::sort (accepted_mids.begin (), accepted_mids.end ());
    g_assert_true (bundled == accepted_mids);
  }
}

static void
check_canonical_offer (const Plan &plan)
{
  std::string text = canonical_offer (plan);
  check_lines (text);
  // It must mean the same as the viewer's own, but for what is none of webrtcbin's.
  Result<Plan> again =
      make_plan (text, test::default_stream (), test::full_transport ());
  if (!again)
    g_error ("canonical offer refused: %s\n%s", again.error ().what.c_str (),
        text.c_str ());
  assert_equal (canonical_offer (*again), text);
  assert_equal (again->ice.ufrag, plan.ice.ufrag);
  for (Media media : kAllMedia) {
    const MediaPlan *a = plan.find (media), *b = again->find (media);
    g_assert_cmpint (a != nullptr, ==, b != nullptr);
    if (a) {
      g_assert_cmpuint (a->payload_type, ==, b->payload_type);
      g_assert_true (a->rtx_payload_type == b->rtx_payload_type);
      g_assert_false (b->red_payload_type.has_value ());
      g_assert_true (b->extensions.empty ());
      std::vector<std::string> feedback = a->feedback;
      std::erase_if (feedback,
          [] (const std::string &f) { return f != "nack" && f != "nack pli"; });
      g_assert_true (b->feedback == feedback);
    }
  }
}

static void
check_case (gconstpointer data)
{
  const auto &offer = *static_cast<const OfferCase *> (data);
  Result<Plan> plan =
      make_plan (offer.text, test::default_stream (), test::full_transport ());
  if (!plan)
    g_test_message ("%s", plan.error ().what.c_str ());
  assert_equal (verdict_of (plan), offer.verdict);
  if (!plan) {
    g_assert_cmpuint (http_status (plan.error ().code), ==, offer.http_status);
    g_assert_cmpuint (plan.error ().what.size (), >, 10);
    g_assert_cmpuint (plan.error ().what.size (), <, 1000);
    return;
  }
  g_assert_cmpuint (offer.http_status, ==, 201);
  check_answer (*plan, make_answer (*plan, test::local_description ()));
  check_canonical_offer (*plan);
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, nullptr);
  std::vector<OfferCase> offers = test::load_offers ();
  for (const OfferCase &offer : offers)
    g_test_add_data_func (("/offers/" + offer.file).c_str (), &offer,
        check_case);
  return g_test_run ();
}
