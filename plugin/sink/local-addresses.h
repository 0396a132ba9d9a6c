// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

namespace restream::sink {

// The machine's addresses for host candidates: of interfaces that are up, IPv4
// first, without link-local ones.
// interfaces: only those of these names; empty = all but loopback.
// loopback: the loopback addresses too, first.
std::vector<std::string> local_addresses (
    const std::vector<std::string> &interfaces, bool loopback);

// The parts of a comma-separated list, without blanks around them and empty ones.
std::vector<std::string> split_list (const char *text);

} // namespace restream::sink
