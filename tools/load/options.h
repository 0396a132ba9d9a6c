// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/result.h"

#include <string>
#include <sys/types.h>

namespace restream::load {

enum class SrtpChoice
{
  any = 0,
  gcm, // AEAD_AES_128_GCM
  cm // AES128_CM_HMAC_SHA1_80
};

const char *name_of (SrtpChoice choice);

struct Options
{
  static constexpr unsigned kMaxViewers = 20'000;
  static constexpr unsigned kMaxThreads = 64;

  std::string url;
  unsigned viewers = 1;
  double rate = 20; // joins per second
  double seconds = 10; // of the measured window
  double settle = 1; // seconds from the last join to the window
  double timeout = 15; // seconds from POST to media
  SrtpChoice srtp = SrtpChoice::any;
  unsigned full = 1;
  unsigned threads = 0; // 0: by the number of cores
  std::string json; // a file, "-" or empty
  std::string token;
  bool insecure = false;
  pid_t pid = 0; // the server's, if it is here
  bool version = false;
};

// Errors: bad_request, what is wrong with the command line.
Result<Options> parse_options (int argc, char **argv);

} // namespace restream::load
