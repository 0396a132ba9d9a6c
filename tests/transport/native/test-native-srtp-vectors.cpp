// SPDX-License-Identifier: LGPL-2.1-or-later
// The vectors of the RFCs. Those of packets begin with session keys.
#include "tests/transport/native/srtp-samples.h"

using namespace restream;
using namespace restream::transport::native;

namespace {

constexpr std::uint32_t kSsrc = 0x5501a0b2;

SrtpSessionKeys
session_keys (std::string_view key, std::string_view salt)
{
  SrtpSessionKeys keys;
  const Bytes key_bytes = from_hex (key), salt_bytes = from_hex (salt);
  std::copy (key_bytes.begin (), key_bytes.end (), keys.key.begin ());
  std::copy (salt_bytes.begin (), salt_bytes.end (), keys.salt.begin ());
  return keys;
}

// RFC 3711 B.2: what becomes of zeros is the key stream. It is longer than a
// packet, up to the last block counter.
void
test_vector_aes_cm ()
{
  constexpr std::size_t kBlocks = 0xff03;
  SrtpCipher cipher = cipher_of (SrtpProfile::aes128_cm_sha1_80,
      session_keys ("2b7e151628aed2a6abf7158809cf4f3c",
          "f0f1f2f3f4f5f6f7f8f9fafbfcfd"),
      SrtpUse::rtp, SrtpCipher::Direction::seal);
  Bytes data (12 + 16 * kBlocks);
  std::uint8_t tag[kMaxRtpOverhead];
  const SrtpCipher::Packet packet = {data.data (), 12, 16 * kBlocks, 0, 0, 0};
  g_assert_true (cipher.seal (packet, packet.body (), tag));
  struct
  {
    std::size_t block;
    const char *stream;
  } const expected[] = {
      {0, "e03ead0935c95e80e166b16dd92b4eb4"},
      {1, "d23513162b02d0f72a43a2fe4a5f97ab"},
      {2, "41e95b3bb0a2e8dd477901e4fca894c0"},
      {0xfeff, "ec8cdf7398607cb0f2d21675ea9ea1e4"},
      {0xff00, "362b7c3c6773516318a077d7fc5073ae"},
      {0xff01, "6a2cc3787889374fbeb4c81b17ba6c44"},
  };
  for (const auto &e : expected)
    assert_same ({packet.body () + 16 * e.block, 16}, from_hex (e.stream));
}

void
check_derivation (SrtpProfile profile, std::string_view master_key,
    std::string_view master_salt, std::string_view key, std::string_view salt,
    std::string_view auth)
{
  SrtpKeys master;
  master.profile = profile;
  const Bytes key_bytes = from_hex (master_key),
              salt_bytes = from_hex (master_salt);
  std::copy (key_bytes.begin (), key_bytes.end (), master.key.begin ());
  std::copy (salt_bytes.begin (), salt_bytes.end (), master.salt.begin ());
  const auto session = derive_session_keys (master, SrtpUse::rtp);
  g_assert_true (session.has_value ());
  const std::size_t size = srtp_master_key_size (profile);
  assert_same (std::span (session->key).first (size), from_hex (key));
  // RFC 6188's salt is two bytes longer than GCM's; the front is the same.
  const Bytes whole_salt = from_hex (salt);
  const std::size_t salt_size = srtp_master_salt_size (profile);
  assert_same (std::span (session->salt).first (salt_size),
      std::span (whole_salt).first (salt_size));
  assert_same (session->auth, from_hex (auth));
}

// RFC 3711 B.3, and RFC 6188 7.4.
void
test_vector_derivation ()
{
  check_derivation (SrtpProfile::aes128_cm_sha1_80,
      "e1f97a0d3e018be0d64fa32c06de4139", "0ec675ad498afeebb6960b3aabe6",
      "c61e7a93744f39ee10734afe3ff7a087", "30cbbc08863d8c85d49db34a9ae1",
      "cebe321f6ff7716b6fd4ab49af256a156d38baa4");
  check_derivation (SrtpProfile::aead_aes_256_gcm,
      "f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6",
      "3b04803de51ee7c96423ab5b78d2",
      "5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4",
      "fa31791685ca444a9e07c6c64e93",
      "fd9c32d39ed5fbb5a9dc96b30818454d1313dc05");
}

// RFC 2202, with keys no longer than a block.
void
test_vector_hmac ()
{
  const Bytes ones (50, 0xdd);
  const std::string_view what = "what do ya want for nothing?";
  const Bytes question (what.begin (), what.end ());
  struct
  {
    Bytes key, message;
    const char *mac;
  } const expected[] = {
      {Bytes (20, 0x0b), from_hex ("4869205468657265"),
          "b617318655057264e28bc0b6fb378c8ef146be00"},
      {from_hex ("4a656665"), question,
          "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
      {Bytes (20, 0xaa), ones, "125d7342b9ac11cd91a39af48aa17b4f63f175d3"},
  };
  for (const auto &e : expected) {
    const HmacSha1 hmac (e.key);
    const std::span<const std::uint8_t> message = e.message;
    for (std::size_t cut = 0; cut <= message.size (); cut++) {
      HmacSha1::Mac mac;
      g_assert_true (
          hmac.compute (message.first (cut), message.subspan (cut), mac));
      assert_same (mac, from_hex (e.mac));
    }
  }
  HmacSha1::Mac mac;
  g_assert_false (HmacSha1 (Bytes (65)).compute ({}, {}, mac));
}

constexpr std::string_view kKey128 = "000102030405060708090a0b0c0d0e0f";
constexpr std::string_view kKey256 =
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
constexpr std::string_view kSalt = "517569642070726f2071756f";

void
check_gcm (SrtpProfile profile, std::string_view key, SrtpUse use,
    std::size_t head_bytes, std::string_view plain_hex,
    std::string_view sealed_hex, std::uint64_t index, std::uint32_t trailer)
{
  const auto keys = session_keys (key, kSalt);
  const Bytes plain = from_hex (plain_hex), sealed = from_hex (sealed_hex);
  g_assert_cmpuint (sealed.size (), ==, plain.size () + 16);
  const bool is_rtp = use == SrtpUse::rtp;

  Bytes data = plain;
  data.resize (sealed.size ());
  const SrtpCipher::Packet packet = {data.data (), head_bytes,
      plain.size () - head_bytes, is_rtp ? kSsrc : 0x4d617273, index, trailer};
  std::uint8_t *tag = data.data () + plain.size ();
  for (SrtpEngine engine : {SrtpEngine::openssl, SrtpEngine::fastest}) {
    std::copy (plain.begin (), plain.end (), data.begin ());
    SrtpCipher seals =
        cipher_of (profile, keys, use, SrtpCipher::Direction::seal, engine);
    g_assert_true (seals.seal (packet, packet.body (), tag));
    assert_same (data, sealed);

    SrtpCipher opens =
        cipher_of (profile, keys, use, SrtpCipher::Direction::open, engine);
    g_assert_true (opens.open (packet, tag) == SrtpCipher::Opened::ok);
    assert_same (std::span (data).first (plain.size ()), plain);
    // Not one bit of it may change: head, body, tag, and what lies behind.
    for (std::size_t bit = 0; bit < 8 * sealed.size (); bit += 7) {
      std::copy (sealed.begin (), sealed.end (), data.begin ());
      data[bit / 8] ^= static_cast<std::uint8_t> (1 << bit % 8);
      g_assert_true (opens.open (packet, tag) == SrtpCipher::Opened::forged);
    }
    std::copy (sealed.begin (), sealed.end (), data.begin ());
    SrtpCipher::Packet other = packet;
    other.index ^= 1;
    g_assert_true (opens.open (other, tag) == SrtpCipher::Opened::forged);
    std::copy (sealed.begin (), sealed.end (), data.begin ());
    other = packet;
    other.trailer ^= 0x80000000;
    if (!is_rtp)
      g_assert_true (opens.open (other, tag) == SrtpCipher::Opened::forged);
  }
}

// RFC 7714 16.1, 16.2, 17.1, 17.2.
void
test_vector_gcm ()
{
  constexpr std::string_view kRtp =
      "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e69732064697669736"
      "120696e207061727465732074726573";
  check_gcm (SrtpProfile::aead_aes_128_gcm, kKey128, SrtpUse::rtp, 12, kRtp,
      "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f"
      "42a5f47a51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce",
      0xf17b, 0);
  check_gcm (SrtpProfile::aead_aes_256_gcm, kKey256, SrtpUse::rtp, 12, kRtp,
      "8040f17b8041f8d35501a0b232b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3"
      "b50b2a0276ffae0f1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a76c13",
      0xf17b, 0);
  constexpr std::string_view kRtcp =
      "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbee"
      "fdeadbeefdeadbeefdeadbeefdeadbeef";
  check_gcm (SrtpProfile::aead_aes_128_gcm, kKey128, SrtpUse::rtcp, 8, kRtcp,
      "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1"
      "730d6fda4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade",
      0x5d4, 0x800005d4);
  check_gcm (SrtpProfile::aead_aes_256_gcm, kKey256, SrtpUse::rtcp, 8, kRtcp,
      "81c8000d4d617273d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1"
      "110555be8415f658c61de0476f1b6fad1d1eb30c4446839f57ff6f6cb26ac3be",
      0x5d4, 0x800005d4);
}

} // namespace

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/srtp/vector/aes-cm", test_vector_aes_cm);
  g_test_add_func ("/srtp/vector/derivation", test_vector_derivation);
  g_test_add_func ("/srtp/vector/hmac", test_vector_hmac);
  g_test_add_func ("/srtp/vector/gcm", test_vector_gcm);
  return g_test_run ();
}
