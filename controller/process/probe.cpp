// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/process/probe.h"

#include <utility>

namespace restream {

namespace {

constexpr std::size_t kLogLines = 500;

FfmpegSettings
probe_settings (FfmpegSettings settings)
{
  settings.log_lines = kLogLines;
  settings.log_history = 0;
  settings.state_totals = nullptr; // it is none of the processes
  return settings;
}

} // namespace

void
ProbeResult::write (JsonWriter &json) const
{
  json.begin_object ().key ("streams").begin_array ();
  for (const StreamInfo &stream : streams)
    json.begin_object ()
        .member ("url", stream.address)
        .member ("format", stream.format)
        .member ("index", stream.index)
        .member ("stream", stream.stream)
        .member ("language", stream.language)
        .member ("type", stream.type)
        .member ("codec", stream.codec)
        .member ("coder", stream.coder)
        .member ("bitrate_kbps", stream.bitrate_kbps)
        .member ("duration_sec", stream.duration_s)
        .member ("fps", stream.fps)
        .member ("pix_fmt", stream.pix_fmt)
        .member ("width", stream.width)
        .member ("height", stream.height)
        .member ("sampling_hz", stream.sampling_hz)
        .member ("layout", stream.layout)
        .member ("channels", stream.channels)
        .end_object ();
  json.end_array ().member ("log", log).end_object ();
}

Probe::Probe (const std::string &id, FfmpegSettings settings,
    std::vector<std::string> arguments, unsigned timeout_ms)
    : process_ (std::make_shared<FfmpegProcess> (id,
        probe_settings (std::move (settings))))
{
  process_->start ({.arguments = std::move (arguments)});
  if (!process_->running ())
    return;
  process_->wait ([this] { answer (); });
  timeout_ = Timer (nullptr, timeout_ms, [this] {
    timed_out_ = true;
    process_->stop (nullptr);
    return false;
  });
}

Probe::~Probe ()
{
  answer ();
}

void
Probe::wait (Done done)
{
  if (!running ())
    return done (result ());
  waiters_.push_back (std::move (done));
}

ProbeResult
Probe::result () const
{
  ProbeResult result{process_->prelude ().inputs (), {}};
  for (LogLine &line : process_->log ().current ().lines)
    result.log.push_back (std::move (line.text));
  if (timed_out_)
    result.log.push_back ("ended, since it took too long");
  else if (running ())
    result.log.push_back ("ended before it was done");
  return result;
}

void
Probe::answer ()
{
  timeout_.cancel ();
  ProbeResult answer = result ();
  for (Done &done : std::exchange (waiters_, {}))
    done (answer);
}

} // namespace restream
