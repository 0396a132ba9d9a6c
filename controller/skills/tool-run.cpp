// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/skills/tool-run.h"

#include <csignal>
#include <sys/prctl.h>
#include <unistd.h>

namespace restream {

namespace {

constexpr gsize kReadBytes = 64 * 1024;

// Between fork and exec: async-signal-safe calls only.
void
set_up_child (gpointer data)
{
  auto parent = static_cast<pid_t> (GPOINTER_TO_INT (data));
  if (prctl (PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid () != parent)
    _exit (127);
}

// For GAsyncReadyCallback: the run may be gone by then.
gpointer
weak (std::shared_ptr<ToolRun> self)
{
  return new std::weak_ptr<ToolRun> (std::move (self));
}

std::shared_ptr<ToolRun>
lock (gpointer data)
{
  auto *pointer = static_cast<std::weak_ptr<ToolRun> *> (data);
  std::shared_ptr<ToolRun> self = pointer->lock ();
  delete pointer;
  return self;
}

} // namespace

std::shared_ptr<ToolRun>
ToolRun::start (std::vector<std::string> arguments, Done done)
{
  std::shared_ptr<ToolRun> run (new ToolRun (std::move (done)));
  run->begin (arguments);
  return run;
}

ToolRun::~ToolRun ()
{
  g_cancellable_cancel (cancellable_.get ());
  if (child_)
    g_subprocess_force_exit (child_.get ());
}

void
ToolRun::begin (const std::vector<std::string> &arguments)
{
  name_ = arguments.front ();
  auto launcher = Ref<GSubprocessLauncher>::adopt (
      g_subprocess_launcher_new (GSubprocessFlags (
          G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE)));
  char *no_environment[] = {nullptr};
  g_subprocess_launcher_set_environ (launcher.get (), no_environment);
  g_subprocess_launcher_set_child_setup (launcher.get (), set_up_child,
      GINT_TO_POINTER (getpid ()), nullptr);
  std::vector<const char *> argv;
  for (const std::string &argument : arguments)
    argv.push_back (argument.c_str ());
  argv.push_back (nullptr);
  Owned<GError> error;
  child_ = Ref<GSubprocess>::adopt (g_subprocess_launcher_spawnv (
      launcher.get (), argv.data (), out (error)));
  if (!child_) {
    post (nullptr, weak_from_this (),
        [what = Error::from (error.get ())] (
            ToolRun &self) { self.finish (what); });
    return;
  }
  timer_ = Timer (nullptr, kTimeoutMs, [this] {
    finish (Error{Code::timeout, name_ + " does not come to an end"});
    return false;
  });
  read ();
}

void
ToolRun::read ()
{
  GAsyncReadyCallback on_read =
      +[] (GObject *stream, GAsyncResult *result, gpointer data) {
        Owned<GError> error;
        auto bytes = Ref<GBytes>::adopt (g_input_stream_read_bytes_finish (
            G_INPUT_STREAM (stream), result, out (error)));
        if (auto self = lock (data))
          self->got (bytes.get (), error.get ());
      };
  g_input_stream_read_bytes_async (g_subprocess_get_stdout_pipe (child_.get ()),
      kReadBytes, G_PRIORITY_DEFAULT, cancellable_.get (), on_read,
      weak (shared_from_this ()));
}

void
ToolRun::got (GBytes *bytes, const GError *error)
{
  if (!done_)
    return;
  if (!bytes)
    return finish (Error::from (error));
  gsize size = 0;
  auto *data = static_cast<const char *> (g_bytes_get_data (bytes, &size));
  if (size == 0)
    return wait ();
  if (output_.size () + size > kMaxBytes)
    return finish (Error{Code::too_large, name_ + " does not stop printing"});
  output_.append (data, size);
  read ();
}

void
ToolRun::wait ()
{
  GAsyncReadyCallback on_exit =
      +[] (GObject *child, GAsyncResult *result, gpointer data) {
        Owned<GError> error;
        bool ok = g_subprocess_wait_check_finish (G_SUBPROCESS (child), result,
            out (error));
        auto self = lock (data);
        if (!self)
          return;
        if (ok)
          self->finish (std::move (self->output_));
        else
          self->finish (Error::from (error.get ()).wrap (self->name_));
      };
  g_subprocess_wait_check_async (child_.get (), cancellable_.get (), on_exit,
      weak (shared_from_this ()));
}

void
ToolRun::finish (Result<std::string> result)
{
  if (!done_)
    return;
  auto keep = shared_from_this (); // done may drop us
  timer_.cancel ();
  g_cancellable_cancel (cancellable_.get ());
  if (child_)
    g_subprocess_force_exit (child_.get ());
  std::exchange (done_, nullptr) (std::move (result));
}

} // namespace restream
