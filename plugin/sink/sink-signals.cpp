// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/sink/sink-signals.h"

#include <gst/gst.h>

namespace restream::sink {

namespace {

enum
{
  SIGNAL_ADD_VIEWER,
  SIGNAL_INVITE_VIEWER,
  SIGNAL_ANSWER_VIEWER,
  SIGNAL_UPDATE_ICE,
  SIGNAL_REMOVE_VIEWER,
  SIGNAL_DRAIN,
  SIGNAL_VIEWER_ADDED,
  SIGNAL_VIEWER_STATE_CHANGED,
  SIGNAL_VIEWER_REMOVED,
  LAST_SIGNAL
};

guint signals[LAST_SIGNAL];

} // namespace

void
install_sink_signals (GObjectClass *gobject_class, const SinkActions &actions)
{
  GType type = G_TYPE_FROM_CLASS (gobject_class);
  const auto action =
      static_cast<GSignalFlags> (G_SIGNAL_RUN_LAST | G_SIGNAL_ACTION);

  /**
   * GstRtpRestreamSink::add-viewer:
   * @object: the #GstRtpRestreamSink
   * @offer: the viewer's SDP offer
   * @options: (nullable): `loopback` (boolean): offer loopback candidates too
   * @promise: replies `rtprestream-viewer` with `viewer-id` and `answer` (strings), or
   *   `rtprestream-error` with `status` (uint, as of HTTP: 400 a bad offer, 406 no common codec, 409 no stream (yet), 413 too
   *   large, 503 too many viewers, 504 no answer in time, …), `message` (string), `retry-after` (uint, seconds; 0 = no advice)
   *   and `invite` (boolean: the offer has no section that could receive, #GstRtpRestreamSink::invite-viewer may help)
   *
   * Adds a viewer. The offer must be complete; the answer has all candidates.
   *
   * Since: 0.1
   */
  signals[SIGNAL_ADD_VIEWER] = g_signal_new_class_handler ("add-viewer", type,
      action, actions.add_viewer, nullptr, nullptr, nullptr, G_TYPE_NONE, 3,
      G_TYPE_STRING, GST_TYPE_STRUCTURE, GST_TYPE_PROMISE);
  /**
   * GstRtpRestreamSink::invite-viewer:
   * @object: the #GstRtpRestreamSink
   * @options: (nullable): as of #GstRtpRestreamSink::add-viewer
   * @promise: replies `rtprestream-invitation` with `viewer-id` and `offer` (strings), or `rtprestream-error` as
   *   #GstRtpRestreamSink::add-viewer does
   *
   * Offers the stream to a viewer, which answers by #GstRtpRestreamSink::answer-viewer within half a minute. If it
   * does not, #GstRtpRestreamSink::viewer-removed is emitted.
   *
   * Since: 0.1
   */
  signals[SIGNAL_INVITE_VIEWER] = g_signal_new_class_handler ("invite-viewer",
      type, action, actions.invite_viewer, nullptr, nullptr, nullptr,
      G_TYPE_NONE, 2, GST_TYPE_STRUCTURE, GST_TYPE_PROMISE);
  /**
   * GstRtpRestreamSink::answer-viewer:
   * @object: the #GstRtpRestreamSink
   * @viewer_id: from #GstRtpRestreamSink::invite-viewer
   * @answer: the viewer's SDP answer
   * @promise: (nullable): replies `rtprestream-answered`, or `rtprestream-error`: 400 a bad answer, 404 no such viewer,
   *   422 an answer that takes nothing of the stream, that nobody waits for, or, on webrtcbin, with other payload types
   *
   * Since: 0.1
   */
  signals[SIGNAL_ANSWER_VIEWER] = g_signal_new_class_handler ("answer-viewer",
      type, action, actions.answer_viewer, nullptr, nullptr, nullptr,
      G_TYPE_NONE, 3, G_TYPE_STRING, G_TYPE_STRING, GST_TYPE_PROMISE);
  /**
   * GstRtpRestreamSink::update-ice:
   * @object: the #GstRtpRestreamSink
   * @viewer_id: the viewer
   * @fragment: a fragment of SDP (RFC 8840) of the viewer: further candidates, or new credentials, which restart ICE
   * @promise: (nullable): replies `rtprestream-ice` with `restarted` (boolean) and, of a restart, `fragment` (string) for the
   *   viewer; or `rtprestream-error`: 400 malformed, 404 no such viewer, 422 not of this viewer, or no restart on this transport
   *
   * On an error all is as it was. Media goes on during a restart.
   *
   * Since: 0.1
   */
  signals[SIGNAL_UPDATE_ICE] = g_signal_new_class_handler ("update-ice", type,
      action, actions.update_ice, nullptr, nullptr, nullptr, G_TYPE_NONE, 3,
      G_TYPE_STRING, G_TYPE_STRING, GST_TYPE_PROMISE);
  /**
   * GstRtpRestreamSink::remove-viewer:
   * @object: the #GstRtpRestreamSink
   * @viewer_id: from #GstRtpRestreamSink::add-viewer
   * @promise: (nullable): replies `rtprestream-removed`, or `rtprestream-error` with status 404
   *
   * Closes a viewer's connection at once.
   *
   * Since: 0.1
   */
  signals[SIGNAL_REMOVE_VIEWER] = g_signal_new_class_handler ("remove-viewer",
      type, action, actions.remove_viewer, nullptr, nullptr, nullptr,
      G_TYPE_NONE, 2, G_TYPE_STRING, GST_TYPE_PROMISE);
  /**
   * GstRtpRestreamSink::drain:
   * @object: the #GstRtpRestreamSink
   * @timeout: bound in nanoseconds, 60 s at most
   * @promise: (nullable): replies `rtprestream-drained` when the last viewer is gone
   *
   * Refuses new viewers (409), sends each viewer what is queued, an RTCP BYE and the DTLS
   * close_notify, and closes it. New viewers are welcome again after READY.
   *
   * Since: 0.1
   */
  signals[SIGNAL_DRAIN] =
      g_signal_new_class_handler ("drain", type, action, actions.drain, nullptr,
          nullptr, nullptr, G_TYPE_NONE, 2, G_TYPE_UINT64, GST_TYPE_PROMISE);
  /**
   * GstRtpRestreamSink::viewer-added:
   * @object: the #GstRtpRestreamSink
   * @viewer_id: the new viewer
   *
   * Since: 0.1
   */
  signals[SIGNAL_VIEWER_ADDED] =
      g_signal_new ("viewer-added", type, G_SIGNAL_RUN_LAST, 0, nullptr,
          nullptr, nullptr, G_TYPE_NONE, 1, G_TYPE_STRING);
  /**
   * GstRtpRestreamSink::viewer-state-changed:
   * @object: the #GstRtpRestreamSink
   * @viewer_id: the viewer
   * @state: `connecting`, `connected` or `disconnected` (which may be connected again)
   *
   * Since: 0.1
   */
  signals[SIGNAL_VIEWER_STATE_CHANGED] =
      g_signal_new ("viewer-state-changed", type, G_SIGNAL_RUN_LAST, 0, nullptr,
          nullptr, nullptr, G_TYPE_NONE, 2, G_TYPE_STRING, G_TYPE_STRING);
  /**
   * GstRtpRestreamSink::viewer-removed:
   * @object: the #GstRtpRestreamSink
   * @viewer_id: the viewer
   * @reason: why, for people
   *
   * Since: 0.1
   */
  signals[SIGNAL_VIEWER_REMOVED] =
      g_signal_new ("viewer-removed", type, G_SIGNAL_RUN_LAST, 0, nullptr,
          nullptr, nullptr, G_TYPE_NONE, 2, G_TYPE_STRING, G_TYPE_STRING);
}

void
emit_viewer_added (gpointer element, const std::string &id)
{
  g_signal_emit (element, signals[SIGNAL_VIEWER_ADDED], 0, id.c_str ());
}

void
emit_viewer_state_changed (gpointer element, const std::string &id,
    const char *state)
{
  g_signal_emit (element, signals[SIGNAL_VIEWER_STATE_CHANGED], 0, id.c_str (),
      state);
}

void
emit_viewer_removed (gpointer element, const std::string &id,
    const std::string &reason)
{
  g_signal_emit (element, signals[SIGNAL_VIEWER_REMOVED], 0, id.c_str (),
      reason.c_str ());
}

} // namespace restream::sink
