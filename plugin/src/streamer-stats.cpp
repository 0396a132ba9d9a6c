// SPDX-License-Identifier: LGPL-2.1-or-later
// What other threads may read of a Streamer.
#include "plugin/src/streamer.h"

namespace restream::src {

Ref<GstCaps>
Streamer::current_caps (Media media) const
{
  const std::lock_guard guard (lock_);
  return of (media).current;
}

void
Streamer::add_stats (GstStructure *stats) const
{
  for (Media media : kAllMedia) {
    const Counters &c = intake_.counters (media);
    const auto u64 = [] (const Counter &counter) -> guint64 {
      return counter.get ();
    };
    Owned<GstStructure> dropped (
        gst_structure_new_empty ("rtprestreamsrc-dropped"));
    for (std::size_t i = 0; i < kDropCount; i++)
      gst_structure_set (dropped.get (), kDropNames[i], G_TYPE_UINT64,
          u64 (c.dropped[i]), nullptr);
    gst_structure_set (dropped.get (), "stale", G_TYPE_UINT64,
        u64 (stale_[index_of (media)]), "overflow", G_TYPE_UINT64,
        u64 (c.overflow), nullptr);
    Owned<GstStructure> s (gst_structure_new ("rtprestreamsrc-medium", //
        "packets", G_TYPE_UINT64, u64 (c.packets), //
        "bytes", G_TYPE_UINT64, u64 (c.bytes), //
        "sender-reports", G_TYPE_UINT64, u64 (c.sender_reports), //
        "byes", G_TYPE_UINT64, u64 (c.byes), //
        "takeovers", G_TYPE_UINT64, u64 (c.takeovers), //
        "dropped", GST_TYPE_STRUCTURE, dropped.get (), nullptr));

    const std::lock_guard guard (lock_);
    const Medium &m = of (media);
    if (m.holder)
      gst_structure_set (s.get (), "ssrc", G_TYPE_UINT,
          static_cast<guint> (*m.holder), nullptr);
    if (m.last_report) {
      const Intake::Report &r = *m.last_report;
      Owned<GstStructure> report (
          gst_structure_new ("rtprestreamsrc-sender-report", //
              "ssrc", G_TYPE_UINT, static_cast<guint> (r.sender.ssrc), //
              "ntp", G_TYPE_UINT64, guint64{r.sender.ntp}, //
              "rtptime", G_TYPE_UINT, static_cast<guint> (r.sender.rtp_time), //
              "packets", G_TYPE_UINT, static_cast<guint> (r.sender.packets), //
              "octets", G_TYPE_UINT, static_cast<guint> (r.sender.octets), //
              "running-time", G_TYPE_UINT64, guint64{r.arrival_ns}, nullptr));
      gst_structure_set (s.get (), "last-sender-report", GST_TYPE_STRUCTURE,
          report.get (), nullptr);
    }
    gst_structure_set (stats, name_of (media), GST_TYPE_STRUCTURE, s.get (),
        nullptr);
  }
}

} // namespace restream::src
