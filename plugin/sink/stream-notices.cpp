// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/sink/stream-notices.h"

namespace restream::sink {

void
StreamNotices::waiting_for_keyframe (bool waiting)
{
  gst_element_post_message (element_,
      gst_message_new_element (GST_OBJECT (element_),
          gst_structure_new ("GstRtpRestreamSinkKeyframe", "waiting",
              G_TYPE_BOOLEAN, gboolean{waiting}, nullptr)));
  if (waiting)
    GST_ELEMENT_WARNING (element_, STREAM, FORMAT,
        ("The video has no keyframes: new viewers get no picture. Let the "
         "encoder make one every few seconds; FFmpeg's option is -g."),
        ("none for more than %u s, or %u s after the sender began",
            static_cast<unsigned> (StreamWatch::kNextKeyframeNs / GST_SECOND),
            static_cast<unsigned> (
                StreamWatch::kFirstKeyframeNs / GST_SECOND)));
}

void
StreamNotices::b_frames ()
{
  GST_ELEMENT_WARNING (element_, STREAM, FORMAT,
      ("The video has B-frames: browsers show it jerkily. Encode without; "
       "FFmpeg's option is -bf 0 (libx264: -tune zerolatency)."),
      ("timestamps go back again and again"));
}

void
StreamNotices::large_packets (Media media, std::size_t bytes)
{
  GST_ELEMENT_WARNING (element_, STREAM, FORMAT,
      ("The %s comes in packets too large for many networks on the way to "
       "viewers. Let the sender make them of 1200 bytes; with FFmpeg, add "
       "?pkt_size=1200 to the address.",
          name_of (media)),
      ("%zu bytes; above %zu they leave in fragments, above %zu they are "
       "dropped",
          bytes, Hub::kSafePacketBytes, Hub::kMaxPacketBytes));
}

void
StreamNotices::codec_changed (Media, const std::string &what)
{
  GST_ELEMENT_INFO (element_, STREAM, FORMAT,
      ("%s: its viewers are closed.", what.c_str ()), (nullptr));
}

} // namespace restream::sink
