// SPDX-License-Identifier: LGPL-2.1-or-later
// What the canonical offer is for: a real webrtcbin answers it with sendonly
// sections and our payload types, whatever the viewer's own offer was.
#include "tests/negotiation/offers.h"
#include "tests/support/leaks.h"

#include <gst/check/gstcheck.h>
#include <gst/webrtc/webrtc.h>

namespace restream {
RESTREAM_FREE (GstWebRTCSessionDescription,
    gst_webrtc_session_description_free);
}

using namespace restream;
using namespace restream::negotiation;

static Ref<GstCaps>
rtp_caps (const MediaPlan &media, const Codec &stream)
{
  auto caps = Ref<GstCaps>::adopt (gst_caps_new_simple ("application/x-rtp",
      "media", G_TYPE_STRING, restream::name_of (media.media), "encoding-name",
      G_TYPE_STRING, stream.encoding_name.c_str (), "clock-rate", G_TYPE_INT,
      static_cast<int> (stream.clock_rate), "payload", G_TYPE_INT,
      static_cast<int> (media.payload_type), nullptr));
  // As rtprestreamsrc has them: the stream's own profile, not the viewer's.
  for (const auto &[name, value] : stream.parameters)
    gst_caps_set_simple (caps.get (), name.c_str (), G_TYPE_STRING,
        value.c_str (), nullptr);
  return caps;
}

static Ref<GstPromise>
call (GstElement *webrtc, const char *action, gpointer argument)
{
  auto promise = Ref<GstPromise>::adopt (gst_promise_new ());
  g_signal_emit_by_name (webrtc, action, argument, promise.get ());
  fail_unless (gst_promise_wait (promise.get ()) == GST_PROMISE_RESULT_REPLIED,
      "%s was not replied", action);
  const GstStructure *reply = gst_promise_get_reply (promise.get ());
  if (reply && gst_structure_has_field (reply, "error")) {
    g_autoptr (GError) error = nullptr;
    gst_structure_get (reply, "error", G_TYPE_ERROR, &error, nullptr);
    fail ("%s: %s", action, error->message);
  }
  return promise;
}

static void
negotiate (const Plan &plan, const StreamDescription &stream,
    const std::string &what)
{
  auto pipeline = Ref<GstElement>::sink (gst_pipeline_new (nullptr));
  GstElement *webrtc = gst_element_factory_make ("webrtcbin", nullptr);
  fail_unless (webrtc != nullptr);
  g_object_set (webrtc, "bundle-policy", GST_WEBRTC_BUNDLE_POLICY_MAX_BUNDLE,
      nullptr);
  gst_bin_add (GST_BIN (pipeline.get ()), webrtc);
  for (const Section &section : plan.sections) {
    if (!section.accepted)
      continue;
    const MediaPlan &media = *section.accepted;
    GstElement *source = gst_element_factory_make ("appsrc", nullptr);
    Ref<GstCaps> caps = rtp_caps (media,
        media.media == Media::video ? *stream.video : *stream.audio);
    g_object_set (source, "caps", caps.get (), "format", GST_FORMAT_TIME,
        nullptr);
    gst_bin_add (GST_BIN (pipeline.get ()), source);
    fail_unless (gst_element_link_filtered (source, webrtc, caps.get ()));
  }
  gst_element_set_state (pipeline.get (), GST_STATE_PLAYING);

  GstSDPMessage *message = nullptr;
  std::string offer = canonical_offer (plan);
  fail_unless (
      gst_sdp_message_new_from_text (offer.c_str (), &message) == GST_SDP_OK);
  Owned<GstWebRTCSessionDescription> remote (
      gst_webrtc_session_description_new (GST_WEBRTC_SDP_TYPE_OFFER, message));
  call (webrtc, "set-remote-description", remote.get ());
  Ref<GstPromise> promise = call (webrtc, "create-answer", nullptr);
  GstWebRTCSessionDescription *raw = nullptr;
  gst_structure_get (gst_promise_get_reply (promise.get ()), "answer",
      GST_TYPE_WEBRTC_SESSION_DESCRIPTION, &raw, nullptr);
  Owned<GstWebRTCSessionDescription> answer (raw);
  fail_unless (answer != nullptr);

  guint index = 0;
  for (const Section &section : plan.sections) {
    if (!section.accepted)
      continue;
    const GstSDPMedia *media = gst_sdp_message_get_media (answer->sdp, index++);
    fail_unless (media != nullptr);
    Owned<char> text (gst_sdp_media_as_text (media));
    fail_unless (gst_sdp_media_get_attribute_val (media, "sendonly")
            && media->port != 0,
        "%s: not sendonly:\n%s", what.c_str (), text.get ());
    std::string type = std::to_string (section.accepted->payload_type);
    fail_unless_equals_string (gst_sdp_media_get_format (media, 0),
        type.c_str ());
  }
  fail_unless_equals_int (gst_sdp_message_medias_len (answer->sdp), index);
  gst_element_set_state (pipeline.get (), GST_STATE_NULL);
}

GST_START_TEST (test_canonical_offers_are_answered_sendonly)
{
  StreamDescription stream = test::default_stream ();
  unsigned accepted = 0;
  for (const test::OfferCase &offer : test::load_offers ()) {
    if (!offer.accepted ())
      continue;
    Result<Plan> plan = make_plan (offer.text, stream, test::full_transport ());
    fail_unless (plan.has_value (), "%s refused", offer.file.c_str ());
    negotiate (*plan, stream, offer.file);
    accepted++;
  }
  fail_unless (accepted > 0);
}
GST_END_TEST;

// The stream's profile is none of the offered ones.
GST_START_TEST (test_high_profile_is_answered_sendonly)
{
  StreamDescription stream = test::default_stream ();
  stream.video->parameters = {{"packetization-mode", "1"},
      {"profile-level-id", "640028"}};
  for (const test::OfferCase &offer : test::load_offers ()) {
    if (!offer.file.starts_with ("offers/"))
      continue;
    Result<Plan> plan = make_plan (offer.text, stream, test::full_transport ());
    fail_unless (plan.has_value (), "%s refused", offer.file.c_str ());
    negotiate (*plan, stream, offer.file);
  }
}
GST_END_TEST;

static Suite *
negotiation_webrtcbin_suite (void)
{
  Suite *suite = suite_create ("negotiation-webrtcbin");
  TCase *tcase = tcase_create ("general");
  suite_add_tcase (suite, tcase);
  tcase_add_unchecked_fixture (tcase, nullptr, test::excuse_dtls_agent);
  tcase_add_test (tcase, test_canonical_offers_are_answered_sendonly);
  tcase_add_test (tcase, test_high_profile_is_answered_sendonly);
  return suite;
}

GST_CHECK_MAIN (negotiation_webrtcbin);
