// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/sink/viewer-stats.h"

namespace restream::sink {

namespace {

struct Totals
{
  guint64 packets = 0;
  guint64 bytes = 0;
  guint64 dropped = 0;
};

void
append_structure (GValue *array, GstStructure *structure)
{
  GValue value = G_VALUE_INIT;
  g_value_init (&value, GST_TYPE_STRUCTURE);
  g_value_take_boxed (&value, structure);
  gst_value_array_append_and_take_value (array, &value);
}

} // namespace

Owned<GstStructure>
make_stats (const Hub &hub, const transport::ViewerList &viewers)
{
  Owned<GstStructure> stats (
      gst_structure_new_empty ("application/x-rtprestreamsink-stats"));
  Totals sent;
  guint connected = 0;
  gint64 now = g_get_monotonic_time ();

  GValue array = G_VALUE_INIT;
  g_value_init (&array, GST_TYPE_ARRAY);
  for (const std::shared_ptr<transport::Viewer> &viewer : viewers) {
    GstStructure *s = gst_structure_new ("viewer", "id", G_TYPE_STRING,
        viewer->id ().c_str (), "state", G_TYPE_STRING,
        transport::name_of (viewer->state ()), "age", G_TYPE_UINT64,
        static_cast<guint64> (now - viewer->created_us ()) * GST_USECOND,
        nullptr);
    const transport::LinkCounters &link = viewer->link ();
    gst_structure_set (s, "round-trip-us", G_TYPE_UINT64,
        guint64{link.round_trip_us}, "estimate-bps", G_TYPE_UINT64,
        guint64{link.estimate_bps}, "nacks", G_TYPE_UINT64, guint64{link.nacks},
        "keyframe-requests", G_TYPE_UINT64, guint64{link.keyframe_requests},
        "rejected", G_TYPE_UINT64, guint64{link.rejected}, nullptr);
    for (Media media : kAllMedia) {
      if (!viewer->plan ().find (media))
        continue;
      const transport::MediaCounters &counters = viewer->counters (media);
      guint64 packets = counters.packets, bytes = counters.bytes,
              dropped = counters.dropped;
      std::string name = name_of (media);
      gst_structure_set (s, (name + "-packets").c_str (), G_TYPE_UINT64,
          packets, (name + "-bytes").c_str (), G_TYPE_UINT64, bytes,
          (name + "-dropped").c_str (), G_TYPE_UINT64, dropped,
          (name + "-retransmitted").c_str (), G_TYPE_UINT64,
          guint64{counters.retransmitted}, (name + "-lost").c_str (),
          G_TYPE_INT64, gint64{counters.lost}, (name + "-jitter-us").c_str (),
          G_TYPE_UINT64, guint64{counters.jitter_us}, nullptr);
      // Nothing goes out before a keyframe does.
      if (media == Media::video)
        gst_structure_set (s, "waiting-for-keyframe", G_TYPE_BOOLEAN,
            gboolean (viewer->state () == transport::ViewerState::connected
                && packets == 0),
            nullptr);
      else
        gst_structure_set (s, "audio-redundant", G_TYPE_UINT64,
            guint64{counters.redundant}, nullptr);
      sent.packets += packets;
      sent.bytes += bytes;
      sent.dropped += dropped;
    }
    if (viewer->state () == transport::ViewerState::connected)
      connected++;
    append_structure (&array, s);
  }

  gst_structure_set (stats.get (), "viewers", G_TYPE_UINT,
      static_cast<guint> (viewers.size ()), "viewers-connected", G_TYPE_UINT,
      connected, "sent-packets", G_TYPE_UINT64, sent.packets, "sent-bytes",
      G_TYPE_UINT64, sent.bytes, "dropped-packets", G_TYPE_UINT64, sent.dropped,
      nullptr);
  for (Media media : kAllMedia) {
    const Hub::Counters &in = hub.counters (media);
    gst_structure_set (stats.get (), name_of (media), GST_TYPE_STRUCTURE,
        Owned<GstStructure> (
            gst_structure_new ("medium", "packets", G_TYPE_UINT64,
                in.packets.load (), "bytes", G_TYPE_UINT64, in.bytes.load (),
                "invalid", G_TYPE_UINT64, in.invalid.load (), "join-points",
                G_TYPE_UINT64, in.join_points.load (), "restarts",
                G_TYPE_UINT64, in.restarts.load (), "lost", G_TYPE_UINT64,
                in.lost.load (), "reordered", G_TYPE_UINT64,
                in.reordered.load (), "repeated", G_TYPE_UINT64,
                in.repeated.load (), "stray", G_TYPE_UINT64, in.stray.load (),
                "large", G_TYPE_UINT64, in.large.load (),
                "waiting-for-keyframe", G_TYPE_BOOLEAN,
                gboolean{in.waiting_for_keyframe}, "b-frames", G_TYPE_BOOLEAN,
                gboolean{in.b_frames}, nullptr))
            .get (),
        nullptr);
  }
  gst_structure_take_value (stats.get (), "per-viewer", &array);
  return stats;
}

} // namespace restream::sink
