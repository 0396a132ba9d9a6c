// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/sink/sink-fixture.h"

#include "tests/support/leaks.h"

#include <map>

// Last, because it makes macros of words such as fail.
#include <gst/check/gstcheck.h>

namespace restream::sinktest {

bool
comes_true (const std::function<bool ()> &condition, unsigned seconds)
{
  const gint64 end = g_get_monotonic_time () + seconds * G_USEC_PER_SEC;
  Timer tick (nullptr, 10, [] { return true; });
  while (!condition ()) {
    if (g_get_monotonic_time () > end)
      return false;
    g_main_context_iteration (nullptr, TRUE);
  }
  return true;
}

void
wait_until (const std::string &what, const std::function<bool ()> &condition)
{
  fail_unless (comes_true (condition, kDeadlineS), "waited in vain for: %s",
      what.c_str ());
}

// All in the thread of the tests.
static unsigned last_living;
static std::map<unsigned, std::function<void ()>> living;

Living::Living (std::function<void ()> end) : id_ (++last_living)
{
  living[id_] = std::move (end);
}

Living::~Living ()
{
  living.erase (id_);
}

bool
Living::end_all ()
{
  const bool any = !living.empty ();
  while (!living.empty ())
    living.extract (std::prev (living.end ())).mapped () ();
  return any;
}

struct Reply::State
{
  std::mutex mutex;
  bool done = false;
  Owned<GstStructure> structure;
};

Reply::Reply () : state_ (std::make_shared<State> ())
{
  using Kept = std::shared_ptr<State>;
  promise_ = Ref<GstPromise>::adopt (gst_promise_new_with_change_func (
      +[] (GstPromise *promise, gpointer data) {
        auto &state = *static_cast<Kept *> (data);
        const std::lock_guard lock (state->mutex);
        if (gst_promise_wait (promise) == GST_PROMISE_RESULT_REPLIED)
          if (const GstStructure *s = gst_promise_get_reply (promise))
            state->structure.reset (gst_structure_copy (s));
        state->done = true;
      },
      new Kept (state_),
      +[] (gpointer data) { delete static_cast<Kept *> (data); }));
}

bool
Reply::there () const
{
  const std::lock_guard lock (state_->mutex);
  return state_->done;
}

const GstStructure *
Reply::wait () const
{
  wait_until ("the reply of an action signal", [this] { return there (); });
  fail_unless (state_->structure != nullptr, "a reply without a structure");
  return state_->structure.get ();
}

unsigned
Reply::wait_status () const
{
  const GstStructure *reply = wait ();
  fail_unless (gst_structure_has_name (reply, "rtprestream-error"),
      "the reply is no error but %s", gst_structure_get_name (reply));
  guint status = 0;
  fail_unless (gst_structure_get_uint (reply, "status", &status));
  fail_if (text ("message").empty (), "an error without a message");
  return status;
}

std::string
Reply::text (const char *field) const
{
  const char *value = gst_structure_get_string (wait (), field);
  return value ? value : "";
}

unsigned
count_viewer_threads ()
{
  unsigned count = 0;
  GDir *dir = g_dir_open ("/proc/self/task", 0, nullptr);
  while (const char *id = dir ? g_dir_read_name (dir) : nullptr) {
    Owned<char> path (
        g_build_filename ("/proc/self/task", id, "comm", nullptr));
    Owned<char> name;
    if (g_file_get_contents (path.get (), out (name), nullptr, nullptr) && name
        && (g_str_has_prefix (name.get (), "webrtcbin")
            || g_str_has_prefix (name.get (), "rtpsession")))
      count++;
  }
  if (dir)
    g_dir_close (dir);
  return count;
}

// GStreamer's DTLS makes a key, which on a busy machine takes seconds; forked tests inherit it. And threads of
// pools stay idle: one that ends just when exit() cleans OpenSSL up crashes there.
static void
prepare_process ()
{
  g_thread_pool_set_max_unused_threads (-1);
  auto element =
      Ref<GstElement>::sink (gst_element_factory_make ("dtlsdec", nullptr));
  fail_unless (element.get () != nullptr, "no dtlsdec");
}

// GStreamer's DTLS has the system clock keep a timer for a second after each flight of a handshake. gst_deinit () of a
// process that is quicker (and has not forked) gives up what such a timer is for once too often.
static void
leave_process ()
{
  if (g_strcmp0 (g_getenv ("CK_FORK"), "no") == 0)
    g_usleep (1'200'000);
  test::excuse_dtls_agent ();
}

// LeakSanitizer asks. What a failed check has left would drown its message.
static bool a_check_failed;
extern "C" [[gnu::visibility ("default"), gnu::used]] int
__lsan_is_turned_off ()
{
  return a_check_failed;
}

static void
end_what_a_failed_check_left ()
{
  a_check_failed |= Living::end_all ();
}

// Before exit() cleans up under them.
static void
await_viewer_threads ()
{
  comes_true ([] { return count_viewer_threads () == 0; }, 5);
}

void
add_viewer_fixtures (TCase *tc)
{
  tcase_add_unchecked_fixture (tc, prepare_process, leave_process);
  tcase_add_checked_fixture (tc, nullptr, await_viewer_threads);
  tcase_add_checked_fixture (tc, nullptr, end_what_a_failed_check_left);
}

std::string
read_source (const std::string &path)
{
  Owned<char> file (g_build_filename (g_getenv ("RTPRESTREAM_SOURCE_ROOT"),
      path.c_str (), nullptr));
  Owned<char> text;
  Owned<GError> error;
  gsize length = 0;
  g_file_get_contents (file.get (), out (text), &length, out (error));
  fail_unless (error == nullptr, "%s", error ? error->message : "");
  return std::string (text.get (), length);
}

static unsigned
count_entries (const char *path)
{
  GDir *dir = g_dir_open (path, 0, nullptr);
  fail_unless (dir != nullptr);
  unsigned count = 0;
  while (g_dir_read_name (dir))
    count++;
  g_dir_close (dir);
  return count;
}

unsigned
count_descriptors ()
{
  return count_entries ("/proc/self/fd");
}

unsigned
count_threads ()
{
  return count_entries ("/proc/self/task");
}

} // namespace restream::sinktest
