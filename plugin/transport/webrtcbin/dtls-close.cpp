// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/webrtcbin/dtls-close.h"

#include <memory>
#include <vector>

namespace restream::transport {

namespace {

constexpr std::uint8_t kDtlsAlert = 21; // RFC 6347 4.1, ContentType

// Sees the alert records arrive at the ICE sinks.
struct AlertWatch
{
  GMutex mutex;
  GCond seen;
  unsigned count = 0; // protected by mutex

  AlertWatch ()
  {
    g_mutex_init (&mutex);
    g_cond_init (&seen);
  }
  ~AlertWatch ()
  {
    g_cond_clear (&seen);
    g_mutex_clear (&mutex);
  }
};

GstPadProbeReturn
on_sink_input (GstPad *, GstPadProbeInfo *info, gpointer data)
{
  std::uint8_t type = 0;
  if (gst_buffer_extract (GST_PAD_PROBE_INFO_BUFFER (info), 0, &type, 1) != 1
      || type != kDtlsAlert)
    return GST_PAD_PROBE_OK;
  AlertWatch &watch = **static_cast<std::shared_ptr<AlertWatch> *> (data);
  g_mutex_lock (&watch.mutex);
  watch.count++;
  g_cond_signal (&watch.seen);
  g_mutex_unlock (&watch.mutex);
  return GST_PAD_PROBE_OK;
}

} // namespace

void
for_each_element (GstElement *bin, const char *factory,
    const std::function<void (GstElement *)> &f)
{
  GstIterator *it = gst_bin_iterate_recurse (GST_BIN (bin));
  // On a resync an element may come twice; who calls this does not mind.
  GValue item = G_VALUE_INIT;
  for (bool done = false; !done;) {
    switch (gst_iterator_next (it, &item)) {
      case GST_ITERATOR_OK: {
        auto *element = GST_ELEMENT (g_value_get_object (&item));
        GstElementFactory *made_by = gst_element_get_factory (element);
        if (made_by && g_strcmp0 (GST_OBJECT_NAME (made_by), factory) == 0)
          f (element);
        g_value_reset (&item);
        break;
      }
      case GST_ITERATOR_RESYNC:
        gst_iterator_resync (it);
        break;
      case GST_ITERATOR_DONE:
      case GST_ITERATOR_ERROR:
        done = true;
        break;
    }
  }
  g_value_unset (&item);
  gst_iterator_free (it);
}

void
send_close_notify (GstElement *webrtcbin, unsigned timeout_ms)
{
  auto watch = std::make_shared<AlertWatch> ();
  std::vector<Ref<GstPad>> sinks;
  for_each_element (webrtcbin, "nicesink", [&] (GstElement *nicesink) {
    Ref<GstPad> pad =
        Ref<GstPad>::adopt (gst_element_get_static_pad (nicesink, "sink"));
    gst_pad_add_probe (
        pad.get (), GST_PAD_PROBE_TYPE_BUFFER, on_sink_input,
        new std::shared_ptr<AlertWatch> (watch), +[] (gpointer data) {
          delete static_cast<std::shared_ptr<AlertWatch> *> (data);
        });
    sinks.push_back (std::move (pad));
  });

  unsigned encoders = 0;
  for_each_element (webrtcbin, "dtlsenc", [&] (GstElement *encoder) {
    Ref<GstPad> sink =
        Ref<GstPad>::adopt (gst_element_get_static_pad (encoder, "sink"));
    if (!sink)
      sink =
          Ref<GstPad>::adopt (gst_element_request_pad_simple (encoder, "sink"));
    if (!sink)
      return;
    gst_pad_set_active (sink.get (), TRUE);
    // The encoder takes the end of its application data as the order to shut down.
    if (gst_pad_send_event (sink.get (), gst_event_new_eos ()))
      encoders++;
  });

  gint64 deadline =
      g_get_monotonic_time () + timeout_ms * G_TIME_SPAN_MILLISECOND;
  g_mutex_lock (&watch->mutex);
  while (watch->count < encoders
      && g_cond_wait_until (&watch->seen, &watch->mutex, deadline)) {
  }
  unsigned sent = watch->count;
  g_mutex_unlock (&watch->mutex);
  if (sent < encoders)
    GST_WARNING_OBJECT (webrtcbin,
        "%u of %u close_notify did not leave within %u ms", encoders - sent,
        encoders, timeout_ms);
  // The probe runs inside the pad's stream lock: once we have had it, the packet is out.
  for (const Ref<GstPad> &pad : sinks) {
    GST_PAD_STREAM_LOCK (pad.get ());
    GST_PAD_STREAM_UNLOCK (pad.get ());
  }
}

} // namespace restream::transport
