// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <libsoup/soup.h>

#include <string>
#include <string_view>

namespace restream::whep {

bool is_method (SoupServerMessage *msg, std::string_view method);
bool is_get_or_head (SoupServerMessage *msg);
// Of the request, without its parameters.
bool has_content_type (SoupServerMessage *msg, const char *type);
bool is_compressed (SoupServerMessage *msg);
// The whole body of the request, once it has come.
std::string body_of (SoupServerMessage *msg);

} // namespace restream::whep
