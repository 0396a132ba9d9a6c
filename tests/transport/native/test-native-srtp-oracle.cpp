// SPDX-License-Identifier: LGPL-2.1-or-later
// libsrtp2, another implementation of the same RFCs, reads what we write and
// writes what we read.
#include "tests/transport/native/srtp-samples.h"

#include <srtp2/srtp.h>

using namespace restream;
using namespace restream::transport::native;

namespace {

constexpr std::uint32_t kSsrc = 0x5501a0b2;

class Oracle
{
public:
  Oracle (const SrtpKeys &keys, srtp_ssrc_type_t direction)
  {
    const auto profile =
        static_cast<srtp_profile_t> (static_cast<int> (keys.profile));
    srtp_policy_t policy{};
    g_assert_cmpint (
        srtp_crypto_policy_set_from_profile_for_rtp (&policy.rtp, profile), ==,
        srtp_err_status_ok);
    g_assert_cmpint (
        srtp_crypto_policy_set_from_profile_for_rtcp (&policy.rtcp, profile),
        ==, srtp_err_status_ok);
    Bytes key (keys.key.begin (),
        keys.key.begin () + srtp_master_key_size (keys.profile));
    key.insert (key.end (), keys.salt.begin (),
        keys.salt.begin () + srtp_master_salt_size (keys.profile));
    key.resize (SRTP_MAX_KEY_LEN);
    policy.ssrc.type = direction;
    policy.key = key.data ();
    policy.window_size = 1024;
    g_assert_cmpint (srtp_create (&session_, &policy), ==, srtp_err_status_ok);
  }
  Oracle (const Oracle &) = delete;
  Oracle &operator= (const Oracle &) = delete;
  ~Oracle () { srtp_dealloc (session_); }

  using Call = srtp_err_status_t (*) (srtp_t, void *, int *);

  Bytes pass (Call call, Bytes packet)
  {
    int bytes = static_cast<int> (packet.size ());
    packet.resize (packet.size () + SRTP_MAX_TRAILER_LEN + 4);
    g_assert_cmpint (call (session_, packet.data (), &bytes), ==,
        srtp_err_status_ok);
    packet.resize (bytes);
    return packet;
  }

private:
  srtp_t session_ = nullptr;
};

RtpShape
random_shape ()
{
  RtpShape shape;
  if (g_test_rand_bit ())
    shape.csrcs = g_test_rand_int_range (0, 16);
  if (g_test_rand_bit ())
    shape.extension_words = g_test_rand_int_range (0, 12);
  return shape;
}

// Ascending indices with holes, over the wrap many times.
class Walk
{
public:
  std::uint64_t next () { return at_ += g_test_rand_int_range (1, 900); }

private:
  std::uint64_t at_ =
      64000; // the first is below 65536: libsrtp begins at ROC 0
};

// What each test runs with.
struct Case
{
  SrtpProfile profile;
  SrtpEngine engine;
};

const Case &
case_of (gconstpointer data)
{
  return *static_cast<const Case *> (data);
}

void
test_rtp_to_oracle (gconstpointer data)
{
  const auto &[profile, engine] = case_of (data);
  const SrtpKeys keys = random_keys (profile);
  SrtpSender sender = sender_of (keys, 0, engine);
  Oracle oracle (keys, ssrc_any_inbound);
  Walk walk;
  for (int i = 0; i < 1500; i++) {
    const auto index = walk.next ();
    const Bytes header =
        rtp_header (kSsrc, static_cast<std::uint16_t> (index), random_shape ());
    const Bytes payload = random_bytes (g_test_rand_int_range (0, 1401));
    const auto roc = static_cast<std::uint32_t> (index >> 16);
    const Bytes sealed = protect_rtp (sender, header, payload, roc);
    assert_same (oracle.pass (srtp_unprotect, sealed),
        joined (header, payload));

    // In place gives the same as from elsewhere.
    Bytes in_place = joined (header, payload);
    in_place.resize (in_place.size () + kMaxRtpOverhead);
    const std::span<const std::uint8_t> there =
        std::span (in_place).subspan (header.size (), payload.size ());
    in_place.resize (
        sender.protect_rtp (in_place.data (), header.size (), there, roc));
    assert_same (in_place, sealed);
  }
}

void
test_rtp_from_oracle (gconstpointer data)
{
  const auto &[profile, engine] = case_of (data);
  const SrtpKeys keys = random_keys (profile);
  SrtpReceiver receiver = receiver_of (keys, engine);
  Oracle oracle (keys, ssrc_any_outbound);
  Walk walk;
  for (int i = 0; i < 1500; i++) {
    const Bytes plain =
        joined (rtp_header (kSsrc, static_cast<std::uint16_t> (walk.next ()),
                    random_shape ()),
            random_bytes (g_test_rand_int_range (0, 1401)));
    Bytes sealed = oracle.pass (srtp_protect, plain);
    const auto opened = receiver.unprotect_rtp (sealed);
    assert_verdict (opened.verdict, SrtpVerdict::ok);
    assert_same (opened.packet, plain);
  }
}

void
test_rtcp_to_oracle (gconstpointer data)
{
  const auto &[profile, engine] = case_of (data);
  const SrtpKeys keys = random_keys (profile);
  SrtpSender sender = sender_of (keys, 0, engine);
  Oracle oracle (keys, ssrc_any_inbound);
  for (int i = 0; i < 500; i++) {
    const Bytes plain = rtcp_packet (kSsrc, g_test_rand_int_range (0, 200));
    assert_same (
        oracle.pass (srtp_unprotect_rtcp, protect_rtcp (sender, plain)), plain);
  }
}

void
test_rtcp_from_oracle (gconstpointer data)
{
  const auto &[profile, engine] = case_of (data);
  const SrtpKeys keys = random_keys (profile);
  SrtpReceiver receiver = receiver_of (keys, engine);
  Oracle oracle (keys, ssrc_any_outbound);
  for (int i = 0; i < 500; i++) {
    const Bytes plain = rtcp_packet (kSsrc, g_test_rand_int_range (0, 200));
    Bytes sealed = oracle.pass (srtp_protect_rtcp, plain);
    const auto opened = receiver.unprotect_rtcp (sealed);
    assert_verdict (opened.verdict, SrtpVerdict::ok);
    assert_same (opened.packet, plain);
  }
}

} // namespace

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  g_assert_cmpint (srtp_init (), ==, srtp_err_status_ok);
  struct
  {
    const char *name;
    GTestDataFunc function;
  } const tests[] = {
      {"rtp-to-oracle", test_rtp_to_oracle},
      {"rtp-from-oracle", test_rtp_from_oracle},
      {"rtcp-to-oracle", test_rtcp_to_oracle},
      {"rtcp-from-oracle", test_rtcp_from_oracle},
  };
  std::vector<Case> cases;
  for (const SrtpProfile profile : kProfiles)
    for (const SrtpEngine engine : {SrtpEngine::fastest, SrtpEngine::openssl})
      cases.push_back ({profile, engine});
  for (const Case &each : cases)
    for (const auto &test : tests) {
      const Owned<char> path (
          g_strdup_printf ("/srtp/%s/%s/%s", name_of (each.profile),
              each.engine == SrtpEngine::openssl ? "openssl" : "fastest",
              test.name));
      g_test_add_data_func (path.get (), &each, test.function);
    }
  const int result = g_test_run ();
  srtp_shutdown ();
  return result;
}
