// SPDX-License-Identifier: LGPL-2.1-or-later
// Any text as an offer: refused, or answered by SDP that keeps its shape.
#include "tests/negotiation/offers.h"

#include <gst/sdp/gstsdpmessage.h>

#include <cstdlib>

using namespace restream;
using namespace restream::negotiation;

static void
require (bool condition, const char *what)
{
  if (!condition) {
    g_printerr ("broken: %s\n", what);
    abort ();
  }
}

static void
check_text (const std::string &text, std::size_t sections)
{
  GstSDPMessage *message = nullptr;
  require (gst_sdp_message_new_from_text (text.c_str (), &message)
          == GST_SDP_OK,
      "unreadable");
  require (gst_sdp_message_medias_len (message) == sections, "sections");
  gst_sdp_message_free (message);
  // Nothing of the offer may have smuggled in a line of its own.
  for (std::size_t at = 0; at < text.size ();) {
    std::size_t end = text.find ("\r\n", at);
    require (end != std::string::npos && end >= at + 2 && text[at + 1] == '=',
        "line");
    for (std::size_t i = at; i < end; i++)
      require (text[i] != '\r' && text[i] != '\n' && text[i] != '\0', "break");
    at = end + 2;
  }
}

static void
check_plan (const Plan &plan, const StreamDescription &stream,
    const TransportCapabilities &transport)
{
  std::size_t accepted = 0;
  for (const Section &section : plan.sections) {
    if (!section.accepted)
      continue;
    accepted++;
    const MediaPlan &media = *section.accepted;
    require (section.media == name_of (media.media), "medium");
    require (media.payload_type < 128, "payload type");
    require (media.rtx_payload_type != media.payload_type, "rtx");
    require (plan.find (media.media) == &media, "one of each");
    for (const HeaderExtension &extension : media.extensions)
      require (extension.id >= 1 && extension.id <= 14, "extension id");
  }
  require (accepted >= 1 && accepted <= 2, "accepted");
  require (accepted == 1 || plan.bundle.size () == 2, "bundle");
  require (!plan.fingerprints.empty (), "fingerprint");
  require (plan.ice.ufrag.size () >= 4 && plan.ice.pwd.size () >= 22, "ice");
  require (plan.candidates.size () <= kMaxCandidates, "candidates");
  require (plan.sections.size () <= kMaxMediaSections, "section count");

  std::string offer = canonical_offer (plan);
  check_text (offer, accepted);
  check_text (make_answer (plan, test::local_description ()),
      plan.sections.size ());
  Result<Plan> again = make_plan (offer, stream, transport);
  require (again.has_value (), "canonical offer refused");
  require (canonical_offer (*again) == offer, "canonical offer not stable");
}

extern "C" int
LLVMFuzzerTestOneInput (const std::uint8_t *data, std::size_t size)
{
  // Straight to the SDP parser: no plugin is needed, so none is loaded.
  std::string_view text (reinterpret_cast<const char *> (data), size);
  static const TransportCapabilities transport = test::full_transport ();
  static const StreamDescription streams[] = {
      test::default_stream (),
      {.video = Codec{"VP9", 90000, 0, {}},
          .audio = Codec{"PCMU", 8000, 1, {}}},
      {.video = Codec{"AV1", 90000, 0, {}}, .audio = {}},
  };
  for (const StreamDescription &stream : streams) {
    Result<Plan> plan = make_plan (text, stream, transport);
    if (plan)
      check_plan (*plan, stream, transport);
    else
      require (plan.error ().code == Code::bad_request
              || plan.error ().code == Code::not_acceptable
              || plan.error ().code == Code::no_receiver
              || plan.error ().code == Code::too_large,
          "code");
  }
  return 0;
}
