// SPDX-License-Identifier: LGPL-2.1-or-later
// The payload formats, one file each.
#pragma once

#include "plugin/codec/payload-format.h"

namespace restream::codec {

std::unique_ptr<PayloadFormat> make_h264 (); // RFC 6184
std::unique_ptr<PayloadFormat> make_h265 (); // RFC 7798
std::unique_ptr<PayloadFormat> make_vp8 (); // RFC 7741
std::unique_ptr<PayloadFormat> make_vp9 (); // RFC 9628
std::unique_ptr<PayloadFormat>
make_av1 (); // AOM's "RTP Payload Format For AV1"

} // namespace restream::codec
