// SPDX-License-Identifier: LGPL-2.1-or-later
// Any text as a viewer's fragment: refused, or understood as candidates or a restart within bounds.
#include "plugin/negotiation/sdp-fragment.h"

#include <glib.h>

#include <cstdlib>

using namespace restream;
using namespace restream::negotiation;

static void
require (bool condition, const char *what)
{
  if (condition)
    return;
  g_printerr ("broken: %s\n", what);
  abort ();
}

static Plan
make_a_plan (const char *mid)
{
  Section section;
  section.media = "video";
  section.protocol = "UDP/TLS/RTP/SAVPF";
  section.mid = mid;
  section.accepted.emplace ();
  section.accepted->payload_type = 96;
  Plan plan;
  plan.sections = {section};
  if (*mid)
    plan.bundle = {mid};
  return plan;
}

extern "C" int
LLVMFuzzerTestOneInput (const std::uint8_t *data, std::size_t size)
{
  static const Plan plans[] = {make_a_plan ("0"), make_a_plan ("")};
  static const IceParameters present[] = {
      {.ufrag = "EsAw", .pwd = "P2uYro0UCOQ4zxjKXaWCBui1"},
      {.ufrag = "abcd", .pwd = "abcdefghijklmnopqrstuv"}};
  std::string_view text (reinterpret_cast<const char *> (data), size);
  for (const Plan &plan : plans) {
    for (const IceParameters &ice : present) {
      Result<IceUpdate> update = read_fragment (text, plan, ice);
      if (!update) {
        Code code = update.error ().code;
        require (code == Code::bad_request || code == Code::too_large
                || code == Code::unprocessable,
            "code");
        continue;
      }
      require (update->candidates.size () <= kMaxCandidates, "candidates");
      for (const std::string &candidate : update->candidates)
        require (candidate.find_first_of ("\r\n") == candidate.npos, "line");
      require (update->restart == (update->ice.ufrag != ice.ufrag), "restart");
      require (update->restart == (update->ice.pwd != ice.pwd), "password");
      require (update->ice.ufrag.size () >= 4 && update->ice.pwd.size () >= 22,
          "lengths");
      // What we would say ourselves with these is understood, too.
      LocalTransport local;
      local.ice = update->ice;
      local.candidates = update->candidates;
      Result<IceUpdate> again =
          read_fragment (make_fragment (plan, local), plan, ice);
      require (again && again->restart == update->restart
              && again->candidates == update->candidates,
          "our own");
    }
  }
  return 0;
}
