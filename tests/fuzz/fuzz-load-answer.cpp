// SPDX-License-Identifier: LGPL-2.1-or-later
// Any text as a server's answer: refused, or something that a viewer can go by.
#include "tools/load/answer.h"
#include "tools/load/offer.h"

#include <algorithm>
#include <cstdlib>

using namespace restream;
using namespace restream::load;

static void
require (bool condition, const char *what)
{
  if (!condition) {
    g_printerr ("broken: %s\n", what);
    abort ();
  }
}

extern "C" int
LLVMFuzzerTestOneInput (const std::uint8_t *data, std::size_t size)
{
  const Result<Answer> answer =
      read_answer ({reinterpret_cast<const char *> (data), size});
  if (!answer) {
    const Error &error = answer.error ();
    require (error.code == Code::bad_request || error.code == Code::too_large
            || error.code == Code::not_acceptable
            || error.code == Code::unprocessable,
        "code");
    require (!error.what.empty () && error.what.size () < 1024, "message");
    return 0;
  }
  require (answer->has (Media::video) || answer->has (Media::audio), "media");
  // STUN's USERNAME has 513 bytes at most.
  require (answer->ufrag.size () >= 4 && answer->ufrag.size () <= 256, "ufrag");
  require (answer->pwd.size () >= 22 && answer->pwd.size () <= 256, "pwd");
  require (!answer->fingerprints.empty (), "fingerprint");
  require (!answer->candidates.empty ()
          && answer->candidates.size () <= Answer::kMaxCandidates,
      "candidates");
  for (const auto &candidate : answer->candidates) {
    require (candidate.port != 0, "port");
    require (std::count (answer->candidates.begin (), answer->candidates.end (),
                 candidate)
            == 1,
        "twice");
  }
  bool any = false;
  for (std::size_t i = 0; i < answer->payloads.size (); i++) {
    const Payload payload = answer->payloads[i];
    any |= payload == Payload::video || payload == Payload::audio;
    // Nothing that was not offered.
    if (payload == Payload::audio)
      require (i == kAudioPayloadType, "audio");
    if (payload == Payload::video)
      require (std::any_of (std::begin (kVideoFormats),
                   std::end (kVideoFormats),
                   [&] (const VideoFormat &f) { return f.payload_type == i; }),
          "video");
  }
  require (any, "payload types");
  return 0;
}
