// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

namespace restream::test {

// GStreamer's DTLS plugin makes one certificate agent for the whole process and
// never frees it. Call before gst_deinit () in a test that had a webrtcbin, so
// that the leak tracer (meson test --setup leaks) tells only of real leaks.
// Does nothing without the tracer.
void excuse_dtls_agent ();

} // namespace restream::test
