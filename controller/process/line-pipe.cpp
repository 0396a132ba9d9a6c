// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/process/line-pipe.h"

#include <glib-unix.h>

#include <cerrno>
#include <unistd.h>

namespace restream {

namespace {

constexpr int kPriority = G_PRIORITY_DEFAULT + 50;
constexpr std::size_t kPerTurn = 64 * 1024;
// 2.5 MB/s: far more than FFmpeg says at its most talkative levels.
constexpr std::size_t kPerPeriod = 256 * 1024;
constexpr std::int64_t kPeriodUs = 100 * 1000;
constexpr std::size_t kAtEnd = 1024 * 1024;

} // namespace

LinePipe::LinePipe (int fd, Sink sink) : fd_ (fd), sink_ (std::move (sink))
{
  g_unix_set_fd_nonblocking (fd, TRUE, nullptr);
  watch ();
}

LinePipe::~LinePipe ()
{
  if (watch_)
    g_source_destroy (watch_.get ());
  close (fd_);
}

void
LinePipe::watch ()
{
  watch_ = Ref<GSource>::adopt (
      g_unix_fd_source_new (fd_, GIOCondition (G_IO_IN | G_IO_HUP)));
  g_source_set_priority (watch_.get (), kPriority);
  GUnixFDSourceFunc callback =
      +[] (gint, GIOCondition, gpointer data) -> gboolean {
    return static_cast<LinePipe *> (data)->on_readable ();
  };
  g_source_set_callback (watch_.get (), G_SOURCE_FUNC (callback), this,
      nullptr);
  g_source_attach (watch_.get (), nullptr);
}

bool
LinePipe::on_readable ()
{
  std::int64_t now_us = g_get_monotonic_time ();
  if (now_us - period_began_us_ >= kPeriodUs) {
    period_began_us_ = now_us;
    in_period_ = 0;
  }
  if (in_period_ >= kPerPeriod) {
    auto left_ms = guint ((period_began_us_ + kPeriodUs - now_us) / 1000 + 1);
    pause_ = Timer (nullptr, left_ms, [this] {
      watch ();
      return false;
    });
    return false;
  }
  return read (kPerTurn);
}

bool
LinePipe::read (std::size_t limit)
{
  static char buffer[16 * 1024];
  std::size_t total = 0;
  while (total < limit) {
    ssize_t n = ::read (fd_, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0 && errno == EAGAIN)
      return true;
    if (n <= 0)
      return false;
    total += std::size_t (n);
    in_period_ += std::size_t (n);
    splitter_.feed ({buffer, std::size_t (n)}, sink_);
  }
  return true;
}

void
LinePipe::drain ()
{
  read (kAtEnd);
  splitter_.finish (sink_);
}

} // namespace restream
