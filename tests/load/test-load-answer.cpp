// SPDX-License-Identifier: LGPL-2.1-or-later
// What we make of answers, and that our own offer is one that we would take.
#include "plugin/negotiation/plan.h"
#include "tests/load/answers.h"
#include "tools/load/answer.h"
#include "tools/load/offer.h"

#include <glib.h>

#include <cstring>

using namespace restream;
using namespace restream::load;
using restream::test::good_answer;

namespace {

std::string
with (std::string text, const std::string &from, const std::string &to)
{
  std::size_t at = text.find (from);
  g_assert_true (at != std::string::npos);
  for (; at != std::string::npos; at = text.find (from, at + to.size ()))
    text.replace (at, from.size (), to);
  return text;
}

void
assert_refused (const std::string &text, Code code, const char *why)
{
  Result<Answer> answer = read_answer (text);
  g_assert_false (answer.has_value ());
  if (answer.error ().code != code
      || answer.error ().what.find (why) == std::string::npos)
    g_error ("refused otherwise: %s", answer.error ().what.c_str ());
}

void
takes_a_good_one ()
{
  Result<Answer> answer = read_answer (good_answer ());
  g_assert_true (answer.has_value ());
  g_assert_true (answer->has (Media::video) && answer->has (Media::audio));
  g_assert_true (answer->payloads[102] == Payload::video);
  g_assert_true (answer->payloads[103] == Payload::rtx);
  g_assert_true (answer->payloads[111] == Payload::audio);
  g_assert_true (answer->payloads[104] == Payload::unknown);
  g_assert_cmpstr (answer->ufrag.c_str (), ==, "abcd");
  g_assert_cmpstr (answer->pwd.c_str (), ==, "0123456789abcdef01234567");
  g_assert_cmpuint (answer->fingerprints.size (), ==, 1);
  g_assert_true (answer->we_are_dtls_client);
  // By priority, each once, neither TCP nor a name.
  g_assert_cmpuint (answer->candidates.size (), ==, 3);
  g_assert_true (answer->candidates[0].text () == "[2001:db8::1]:5000");
  g_assert_true (answer->candidates[1].text () == "192.0.2.1:5000");
  g_assert_true (answer->candidates[2].text () == "192.0.2.9:6000");
}

void
takes_variants ()
{
  auto active = read_answer (
      with (good_answer (), "passive\r\na=rtcp", "active\r\na=rtcp"));
  g_assert_true (active.has_value () && !active->we_are_dtls_client);

  auto rejected =
      read_answer (with (good_answer (), "m=audio 9 ", "m=audio 0 "));
  g_assert_true (rejected.has_value ());
  g_assert_true (rejected->has (Media::video) && !rejected->has (Media::audio));

  auto sendrecv = read_answer (with (good_answer (), "sendonly", "sendrecv"));
  g_assert_true (sendrecv.has_value ());

  // Candidates are bounded.
  std::string many = good_answer ();
  for (int i = 1; i <= 500; i++)
    many += "a=candidate:9 1 udp " + std::to_string (1000 + i) + " 192.0.2.3 "
        + std::to_string (i) + " typ host\r\n";
  auto bounded = read_answer (many);
  g_assert_true (bounded.has_value ());
  g_assert_cmpuint (bounded->candidates.size (), ==, Answer::kMaxCandidates);
  g_assert_cmpuint (bounded->candidates[0].port, ==, 500);
}

void
refuses ()
{
  const std::string good = good_answer ();
  assert_refused ("", Code::bad_request, "the answer is empty");
  assert_refused (std::string (1000000, 'a'), Code::too_large, "bytes");
  assert_refused ("v=0\r\nx\r\n", Code::bad_request, "the answer's line 2");
  assert_refused (good + "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n",
      Code::bad_request, "3 media sections");
  assert_refused (with (good, "m=video", "m=audio"), Code::bad_request,
      "another order");
  assert_refused (with (good, "a=sendonly", "a=inactive"), Code::not_acceptable,
      "neither");
  assert_refused (with (good, "a=sendonly", "a=recvonly"), Code::not_acceptable,
      "neither");
  assert_refused (
      with (with (good, "audio 9", "audio 0"), "video 9", "video 0"),
      Code::not_acceptable, "neither");
  // What was not offered, or means something else.
  assert_refused (with (good, "H264", "VP8"), Code::bad_request,
      "no format that was offered for video");
  assert_refused (with (good, "111", "96"), Code::bad_request,
      "no format that was offered for audio");
  assert_refused (with (good, "a=group:BUNDLE video audio\r\n", ""),
      Code::bad_request, "bundle");
  assert_refused (with (good, "BUNDLE video audio", "BUNDLE video"),
      Code::bad_request, "bundle");
  assert_refused (with (good, "a=ice-ufrag:abcd\r\n", ""), Code::bad_request,
      "ice-ufrag");
  assert_refused (with (good, "ice-ufrag:abcd", "ice-ufrag:a"),
      Code::bad_request, "ice-ufrag");
  assert_refused (with (good, "sha-256", "sha-1"), Code::bad_request,
      "fingerprint");
  assert_refused (with (good, "setup:passive", "setup:actpass"),
      Code::bad_request, "DTLS role");
  assert_refused (with (good, "a=setup:passive\r\n", ""), Code::bad_request,
      "DTLS role");
  assert_refused (with (good, "a=candidate", "a=nothing"), Code::unprocessable,
      "no UDP candidate");
}

// Our own servers' negotiation takes the offer.
void
offers_what_servers_take ()
{
  const std::string offer = make_offer ({
      .ufrag = "abcdefgh",
      .pwd = "0123456789abcdef01234567",
      .fingerprint = {"sha-256", std::vector<std::uint8_t> (32, 0xa5)},
      .addresses = {"192.0.2.7", "2001:db8::7"},
      .port = 4711,
      .session_id = UINT64_MAX,
  });
  for (const char *profile : {"42e01f", "42c01f", "4d401f", "64001f"}) {
    auto plan = negotiation::make_plan (offer,
        {.video = negotiation::Codec{"H264", 90000, 0,
             {{"packetization-mode", "1"}, {"profile-level-id", profile}}},
            .audio = negotiation::Codec{"OPUS", 48000, 2, {}}},
        {.rtx = true, .feedback = {"nack", "nack pli"}, .extensions = {}});
    if (!plan)
      g_error ("%s: %s", profile, plan.error ().what.c_str ());
    g_assert_cmpuint (plan->bundle.size (), ==, 2);
    g_assert_true (plan->setup == negotiation::Setup::actpass);
    g_assert_cmpstr (plan->ice.ufrag.c_str (), ==, "abcdefgh");
    g_assert_cmpuint (plan->fingerprints.at (0).digest.at (31), ==, 0xa5);
    g_assert_cmpuint (plan->candidates.size (), >=, 2);
    const negotiation::MediaPlan *video = plan->find (Media::video);
    g_assert_nonnull (video);
    g_assert_true (video->rtx_payload_type.has_value ());
    g_assert_nonnull (plan->find (Media::audio));
  }
}

} // namespace

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/load-answer/good", takes_a_good_one);
  g_test_add_func ("/load-answer/variants", takes_variants);
  g_test_add_func ("/load-answer/refuses", refuses);
  g_test_add_func ("/load-answer/offer", offers_what_servers_take);
  return g_test_run ();
}
