// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/webrtcbin/viewer-pipeline.h"

#include "plugin/transport/webrtcbin/dtls-close.h"

#include <gst/webrtc/webrtc.h>

#include <vector>

namespace restream::transport {

namespace {

void
configure_ice (GstElement *webrtcbin, const ViewerConfig &config)
{
  Ref<GObject> ice;
  g_object_get (webrtcbin, "ice-agent", ice.out (), nullptr);
  // No UPnP: it holds each answer up by 200 ms. No ICE-TCP: 17 descriptors a
  // viewer.
  g_object_set (ice.get (), "ice-tcp", FALSE, nullptr);
  if (config.max_port)
    g_object_set (ice.get (), "min-rtp-port", config.min_port, "max-rtp-port",
        config.max_port, nullptr);
  Ref<GObject> agent;
  g_object_get (ice.get (), "agent", agent.out (), nullptr);
  g_object_set (agent.get (), "upnp", FALSE, "keepalive-conncheck", TRUE,
      nullptr);
  for (const std::string &address : config.addresses) {
    gboolean added = FALSE;
    g_signal_emit_by_name (ice.get (), "add-local-ip-address", address.c_str (),
        &added);
    if (!added)
      GST_WARNING ("viewer %s: address %s cannot be used for ICE",
          config.id.c_str (), address.c_str ());
  }
}

void
set_cname (GstElement *webrtcbin, const std::string &cname)
{
  for_each_element (webrtcbin, "rtpbin", [&cname] (GstElement *rtpbin) {
    Owned<GstStructure> sdes (
        gst_structure_new ("application/x-rtp-source-sdes", "cname",
            G_TYPE_STRING, cname.c_str (), nullptr));
    g_object_set (rtpbin, "sdes", sdes.get (), nullptr);
  });
}

Ref<GstCaps>
sent_caps (const negotiation::MediaPlan &media, const OutgoingStream &stream)
{
  const negotiation::Codec &codec = media.codec;
  return Ref<GstCaps>::adopt (gst_caps_new_simple ("application/x-rtp", "media",
      G_TYPE_STRING, name_of (media.media), "encoding-name", G_TYPE_STRING,
      codec.encoding_name.c_str (), "clock-rate", G_TYPE_INT,
      static_cast<int> (codec.clock_rate), "payload", G_TYPE_INT,
      static_cast<int> (media.payload_type), "ssrc", G_TYPE_UINT, stream.ssrc,
      nullptr));
}

Result<void>
add_media (ViewerPipeline &viewer, const negotiation::MediaPlan &media,
    const OutgoingStream &stream)
{
  Ref<GstCaps> caps = sent_caps (media, stream);
  Ref<GstElement> &appsrc = viewer.appsrcs[index_of (media.media)];
  appsrc = Ref<GstElement>::sink (
      gst_element_factory_make ("appsrc", name_of (media.media)));
  if (!appsrc)
    return Error{Code::unavailable,
        "GStreamer's appsrc is missing: install the plugins-base package"};
  // The bounds are ours: the viewer looks at the levels before each push.
  g_object_set (appsrc.get (), "caps", caps.get (), "format", GST_FORMAT_TIME,
      "is-live", TRUE, "do-timestamp", FALSE, "block", FALSE, "max-bytes",
      static_cast<guint64> (0), "max-buffers", static_cast<guint64> (0),
      "max-time", static_cast<guint64> (0), nullptr);
  gst_bin_add (GST_BIN (viewer.pipeline.get ()), appsrc.get ());

  GstPadTemplate *pad_template = gst_element_class_get_pad_template (
      GST_ELEMENT_GET_CLASS (viewer.webrtcbin.get ()), "sink_%u");
  Ref<GstPad> sink = Ref<GstPad>::adopt (gst_element_request_pad (
      viewer.webrtcbin.get (), pad_template, nullptr, caps.get ()));
  if (!sink)
    return Error{Code::internal, "webrtcbin gives no pad"};
  Ref<GObject> transceiver;
  g_object_get (sink.get (), "transceiver", transceiver.out (), nullptr);
  g_object_set (transceiver.get (), "direction",
      GST_WEBRTC_RTP_TRANSCEIVER_DIRECTION_SENDONLY, "codec-preferences",
      caps.get (), "do-nack", media.rtx_payload_type.has_value (), nullptr);

  Ref<GstPad> src =
      Ref<GstPad>::adopt (gst_element_get_static_pad (appsrc.get (), "src"));
  if (gst_pad_link (src.get (), sink.get ()) != GST_PAD_LINK_OK)
    return Error{Code::internal, "the viewer's pipeline cannot be linked"};
  return {};
}

} // namespace

Result<ViewerPipeline>
make_viewer_pipeline (const ViewerConfig &config)
{
  ViewerPipeline viewer;
  viewer.pipeline = Ref<GstElement>::sink (
      gst_pipeline_new (("viewer-" + config.id).c_str ()));
  gst_pipeline_use_clock (GST_PIPELINE (viewer.pipeline.get ()),
      config.clock.get ());
  gst_element_set_start_time (viewer.pipeline.get (), GST_CLOCK_TIME_NONE);
  gst_element_set_base_time (viewer.pipeline.get (), config.base_time);

  viewer.webrtcbin =
      Ref<GstElement>::sink (gst_element_factory_make ("webrtcbin", nullptr));
  if (!viewer.webrtcbin)
    return Error{Code::unavailable,
        "GStreamer's webrtcbin is missing: install the plugins-bad and nice "
        "packages"};
  g_object_set (viewer.webrtcbin.get (), "bundle-policy",
      GST_WEBRTC_BUNDLE_POLICY_MAX_BUNDLE, nullptr);
  gst_bin_add (GST_BIN (viewer.pipeline.get ()), viewer.webrtcbin.get ());
  configure_ice (viewer.webrtcbin.get (), config);
  set_cname (viewer.webrtcbin.get (), config.cname);

  for (const negotiation::Section &section : config.plan.sections) {
    if (!section.accepted)
      continue;
    const negotiation::MediaPlan &media = *section.accepted;
    if (Result<void> added =
            add_media (viewer, media, config.streams[index_of (media.media)]);
        !added)
      return added.error ();
  }
  return viewer;
}

void
announce_sources (GstElement *webrtcbin, const ViewerConfig &config)
{
  using CapsList = std::vector<Ref<GstCaps>>;
  for_each_element (webrtcbin, "rtpbin", [&config] (GstElement *rtpbin) {
    auto sink = Ref<GstPad>::adopt (
        gst_element_get_static_pad (rtpbin, "send_rtp_sink_0"));
    auto funnel = sink ? Ref<GstPad>::adopt (gst_pad_get_peer (sink.get ()))
                       : Ref<GstPad> ();
    if (!funnel)
      return;
    auto *list = new CapsList;
    for (const negotiation::Section &section : config.plan.sections)
      if (section.accepted)
        list->push_back (sent_caps (*section.accepted,
            config.streams[index_of (section.accepted->media)]));
    gst_pad_add_probe (
        funnel.get (), GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM,
        +[] (GstPad *pad, GstPadProbeInfo *info, gpointer data) {
          if (GST_EVENT_TYPE (GST_PAD_PROBE_INFO_EVENT (info))
              != GST_EVENT_CAPS)
            return GST_PAD_PROBE_OK;
          auto peer = Ref<GstPad>::adopt (gst_pad_get_peer (pad));
          for (const Ref<GstCaps> &caps : *static_cast<CapsList *> (data))
            if (peer)
              gst_pad_send_event (peer.get (),
                  gst_event_new_caps (caps.get ()));
          return GST_PAD_PROBE_REMOVE;
        },
        list, +[] (gpointer data) { delete static_cast<CapsList *> (data); });
  });
}

} // namespace restream::transport
