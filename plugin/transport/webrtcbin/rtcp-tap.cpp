// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/webrtcbin/rtcp-tap.h"

#include "plugin/transport/rtcp/ntp.h"
#include "plugin/transport/webrtcbin/dtls-close.h"

namespace restream::transport {

namespace {

class RtcpTap
{
public:
  RtcpTap (std::weak_ptr<ViewerRtcp> reader, Ref<GstElement> rtx)
      : reader_ (std::move (reader)), rtx_ (std::move (rtx))
  {
  }

  void take (GstPadProbeInfo *info)
  {
    const std::shared_ptr<ViewerRtcp> reader = reader_.lock ();
    if (!reader)
      return;
    if (GstBufferList *list = (info->type & GST_PAD_PROBE_TYPE_BUFFER_LIST)
            ? GST_PAD_PROBE_INFO_BUFFER_LIST (info)
            : nullptr) {
      for (unsigned i = 0; i < gst_buffer_list_length (list); i++)
        read (*reader, gst_buffer_list_get (list, i));
    } else {
      read (*reader, GST_PAD_PROBE_INFO_BUFFER (info));
    }
    if (!rtx_)
      return;
    guint packets = 0;
    g_object_get (rtx_.get (), "num-rtx-packets", &packets, nullptr);
    reader->note_retransmitted (packets);
  }

private:
  static void read (ViewerRtcp &reader, GstBuffer *buffer)
  {
    GstMapInfo map;
    if (!gst_buffer_map (buffer, &map, GST_MAP_READ))
      return;
    // rtpsession's clock, by its ntp-time-source: the wall clock, which our own is not.
    const auto now = static_cast<std::uint64_t> (g_get_real_time ());
    reader.read ({map.data, map.size}, ntp_from_unix (now * 1000),
        g_get_monotonic_time ());
    gst_buffer_unmap (buffer, &map);
  }

  const std::weak_ptr<ViewerRtcp> reader_;
  const Ref<GstElement> rtx_; // what sends packets again; null: nothing
};

} // namespace

bool
tap_rtcp (GstElement *rtpbin, std::weak_ptr<ViewerRtcp> reader)
{
  // All media are bundled: one session.
  auto pad = Ref<GstPad>::adopt (
      gst_element_get_static_pad (rtpbin, "recv_rtcp_sink_0"));
  if (!pad)
    return false;
  Ref<GstElement> rtx;
  for_each_element (rtpbin, "rtprtxsend", [&rtx] (GstElement *element) {
    rtx = Ref<GstElement>::retain (element);
  });
  gst_pad_add_probe (
      pad.get (),
      static_cast<GstPadProbeType> (
          GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_BUFFER_LIST),
      +[] (GstPad *, GstPadProbeInfo *info, gpointer data) {
        static_cast<RtcpTap *> (data)->take (info);
        return GST_PAD_PROBE_OK;
      },
      new RtcpTap (std::move (reader), std::move (rtx)),
      +[] (gpointer data) { delete static_cast<RtcpTap *> (data); });
  return true;
}

} // namespace restream::transport
