// SPDX-License-Identifier: LGPL-2.1-or-later
// One byte for the codec, then packets of RTP, each behind 16 bits of length: the form
// of tests/codec/recorded.
#include "common/rtp-packet.h"
#include "plugin/codec/parameter-sets.h"
#include "plugin/codec/payload-format.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string_view>

using namespace restream;
using namespace restream::codec;

namespace {

constexpr const char *kCodecs[] = {"H264", "H265", "VP8", "VP9", "AV1"};
std::optional<std::size_t> only_codec;

void
check (bool ok)
{
  if (!ok)
    std::abort ();
}

// base64, for each set a comma, of up to three kinds.
constexpr std::size_t kMaxText =
    2 * ParameterSets::kMaxSets * (ParameterSets::kMaxSetBytes * 4 / 3 + 4);

} // namespace

// FUZZ_ONLY: this codec, whatever the first byte says.
extern "C" int
LLVMFuzzerInitialize (int *, char ***)
{
  const char *only = std::getenv ("FUZZ_ONLY");
  for (unsigned i = 0; only && i < std::size (kCodecs); i++)
    if (std::string_view (only) == kCodecs[i])
      only_codec = i;
  return 0;
}

extern "C" int
LLVMFuzzerTestOneInput (const std::uint8_t *data, std::size_t size)
{
  if (size == 0)
    return 0;
  const std::size_t which = only_codec.value_or (data[0] % std::size (kCodecs));
  auto format = make_payload_format (kCodecs[which]);
  for (codec::Bytes rest (data + 1, size - 1); rest.size () >= 2;) {
    const std::size_t length =
        std::min<std::size_t> (be16 (rest, 0), rest.size () - 2);
    const std::vector<std::uint8_t> bytes (rest.begin () + 2,
        rest.begin () + static_cast<std::ptrdiff_t> (2 + length));
    rest = rest.subspan (2 + length);
    const auto packet = parse_rtp (bytes);
    // Payloads without a header are payloads, too.
    const codec::Bytes payload =
        packet ? packet->payload : codec::Bytes (bytes);

    std::vector<std::uint8_t> mended (payload.begin (), payload.end ());
    format->mend (mended);
    format->mend (mended);
    const Begin begin = format->begin (payload);
    check (begin == format->begin (payload));
    check (begin == Begin::nothing || !payload.empty ());
    const Parameters before = format->parameters ();
    const bool changed = format->learn (payload);
    const Parameters after = format->parameters ();
    check (!changed || !after.empty ());
    check (changed || which < 2 || before == after);
    for (const auto &[name, value] : after)
      check (!name.empty () && !value.empty () && value.size () <= kMaxText);
  }
  // What was learnt can be told, and is the same then.
  const Parameters known = format->parameters ();
  auto told = make_payload_format (kCodecs[which]);
  told->learn_from (known);
  for (const codec::Bytes set : told->parameter_sets ())
    check (!set.empty () && set.size () <= ParameterSets::kMaxSetBytes);
  const std::string raw (reinterpret_cast<const char *> (data), size);
  for (const char *name :
      {"sprop-parameter-sets", "sprop-vps", "sprop-sps", "sprop-pps"})
    told->learn_from ({{name, raw.c_str ()}});
  format->forget ();
  check (format->parameters ().empty ());
  return 0;
}
