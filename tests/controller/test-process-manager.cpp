// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/log.h"
#include "controller/process/process-manager.h"
#include "tests/controller/process-fixture.h"

using namespace restream;

namespace {

// Writes down what it is asked; ends a stop only when told.
struct Recorder : ProcessHooks
{
  const ProcessManager *manager = nullptr;
  std::string calls;
  bool refuse = false;
  bool hold = false;
  std::vector<std::function<void ()>> held;

  std::string exec (const std::string &id) const
  {
    const Task *task = manager->find (id);
    if (!task)
      return "new";
    // A child that is stopped at once may die of the signal.
    return task->process ().running () ? name_of (task->process ().state ())
                                       : "ended";
  }
  Result<std::vector<std::string>> on_process_start (const std::string &id,
      const ProcessConfig &) override
  {
    calls += "start(" + exec (id) + ") ";
    if (refuse)
      return Error{Code::internal, "no ports left"};
    return std::vector<std::string>{"leg", "run"};
  }
  void before_process_stop (const std::string &id) override
  {
    calls += "before(" + exec (id) + ") ";
  }
  void on_process_stop (const std::string &id,
      std::function<void ()> done) override
  {
    calls += "stop(" + exec (id) + ") ";
    if (hold)
      held.push_back (std::move (done));
    else
      done ();
  }
  void let_go ()
  {
    for (auto &done : std::exchange (held, {}))
      done ();
  }
};

struct Fixture
{
  explicit Fixture (std::uint64_t max_processes = 0)
      : manager ({{.binary = fake_ffmpeg, .stop_timeout_ms = kShortStopMs},
          max_processes})
  {
    hooks.manager = &manager;
    manager.set_hooks (&hooks);
  }
  ProcessManager manager;
  Recorder hooks;

  bool stop (const std::string &id)
  {
    int answered = 0;
    bool ok = false;
    manager.stop (id, [&] (Result<void> result) {
      answered++;
      ok = result.has_value ();
    });
    wait_until ([&] { return answered > 0; });
    g_assert_cmpint (answered, ==, 1);
    return ok;
  }
};

ProcessConfig
config (const std::string &id, const std::string &how = "run")
{
  ProcessConfig c;
  c.id = id;
  c.input.push_back ({"in", "x", {}, {}});
  c.output.push_back ({"out", how, {}, {}});
  return c;
}

bool
alike (const Result<void> &result, const char *message)
{
  if (!result && result.error ().what != message)
    g_test_message ("'%s'", result.error ().what.c_str ());
  return !result && result.error ().what == message;
}

void
order_of_calls ()
{
  Fixture f;
  g_assert_true (f.manager.add (config ("a")).has_value ());
  const Task *task = f.manager.find ("a");
  g_assert_true (task->command ()
      == std::vector<std::string> ({"-i", "x", "run", "leg", "run"}));
  g_assert_true (task->process ().arguments () == task->command ());
  g_assert_true (f.stop ("a"));
  g_assert_cmpstr (f.hooks.calls.c_str (), ==,
      "start(new) before(running) stop(ended) ");
  // A second stop finds nothing to do.
  g_assert_true (f.stop ("a"));
  g_assert_cmpstr (f.hooks.calls.c_str (), ==,
      "start(new) before(running) stop(ended) ");
}

void
double_start_does_nothing ()
{
  Fixture f;
  g_assert_true (f.manager.add (config ("a")).has_value ());
  pid_t pid = f.manager.find ("a")->process ().pid ();
  g_assert_true (f.manager.start ("a").has_value ());
  g_assert_cmpint (f.manager.find ("a")->process ().pid (), ==, pid);
  g_assert_cmpstr (f.hooks.calls.c_str (), ==, "start(new) ");
  g_assert_true (
      alike (f.manager.add (config ("a")), "process already exists"));
}

void
refusal_is_visible ()
{
  Fixture f;
  f.hooks.refuse = true;
  g_assert_true (alike (f.manager.add (config ("a")), "no ports left"));
  g_assert_null (f.manager.find ("a"));
  ProcessConfig c = config ("a");
  c.autostart = false;
  g_assert_true (f.manager.add (c).has_value ());
  g_assert_true (alike (f.manager.start ("a"), "no ports left"));
  const Task *task = f.manager.find ("a");
  g_assert_true (task->order () == Order::start);
  g_assert_true (task->process ().state () == ExecState::failed);
  g_assert_cmpstr (task->process ().log ().last_line ().c_str (), ==,
      "no ports left");
  g_assert_cmpint (task->reconnect_seconds (), ==, -1);
  // It may be ordered again.
  f.hooks.refuse = false;
  g_assert_true (f.manager.start ("a").has_value ());
  g_assert_true (task->process ().state () == ExecState::running);
}

void
refusal_is_tried_again ()
{
  Fixture f;
  f.hooks.refuse = true;
  ProcessConfig c = config ("a");
  c.autostart = false;
  c.reconnect = true;
  g_assert_true (f.manager.add (c).has_value ());
  g_assert_false (f.manager.start ("a").has_value ());
  const Task *task = f.manager.find ("a");
  g_assert_cmpint (task->reconnect_seconds (), ==, 1);
  f.hooks.refuse = false;
  wait_until ([&] { return task->process ().state () == ExecState::running; });
  g_assert_cmpint (task->reconnect_seconds (), ==, -1);
}

void
reconnect_is_no_start ()
{
  Fixture f;
  ProcessConfig c = config ("a");
  c.reconnect = true;
  g_assert_true (f.manager.add (c).has_value ());
  const FfmpegProcess &process = f.manager.find ("a")->process ();
  pid_t pid = process.pid ();
  bool restarted = false;
  f.manager.restart ("a", [&] (Result<void>) { restarted = true; });
  wait_until (
      [&] { return restarted && process.state () == ExecState::running; });
  g_assert_cmpint (process.pid (), !=, pid);
  pid = process.pid ();
  kill (pid, SIGKILL);
  wait_until ([&] {
    return process.pid () != pid && process.state () == ExecState::running;
  });
  bool reloaded = false;
  pid = process.pid ();
  f.manager.reload ("a", [&] (Result<void>) { reloaded = true; });
  wait_until ([&] { return reloaded; });
  g_assert_true (process.state () == ExecState::running);
  g_assert_cmpint (process.pid (), !=, pid);
  g_assert_cmpuint (process.log ().history ().size (), <=, 1);
  g_assert_cmpstr (f.hooks.calls.c_str (), ==, "start(new) ");
}

void
start_waits_for_the_stop_before ()
{
  Fixture f;
  f.hooks.hold = true;
  g_assert_true (f.manager.add (config ("a")).has_value ());
  int stops = 0;
  for (int i = 0; i < 2; i++)
    f.manager.stop ("a", [&] (Result<void>) { stops++; });
  wait_until ([&] { return !f.hooks.held.empty (); });
  const Task *task = f.manager.find ("a");
  g_assert_cmpint (stops, ==, 0);
  g_assert_true (f.manager.start ("a").has_value ());
  g_assert_true (task->order () == Order::start);
  g_assert_false (task->process ().running ());
  // Another process does not wait.
  g_assert_true (f.manager.add (config ("b")).has_value ());
  f.hooks.let_go ();
  g_assert_cmpint (stops, ==, 2);
  g_assert_true (task->process ().running ());
  // A start that is taken back does not happen.
  f.manager.stop ("a", [&] (Result<void>) { stops++; });
  g_assert_true (f.manager.start ("a").has_value ());
  f.manager.stop ("a", [&] (Result<void>) { stops++; });
  wait_until ([&] { return !f.hooks.held.empty (); });
  f.hooks.let_go ();
  g_assert_cmpint (stops, ==, 4);
  g_assert_false (task->process ().running ());
}

void
removal ()
{
  Fixture f;
  f.hooks.hold = true;
  g_assert_true (f.manager.add (config ("a")).has_value ());
  int removed = 0;
  for (int i = 0; i < 2; i++)
    f.manager.remove ("a",
        [&] (Result<void> result) { removed += result.has_value (); });
  // A start in between is overruled.
  g_assert_true (f.manager.start ("a").has_value ());
  wait_until ([&] { return !f.hooks.held.empty (); });
  g_assert_nonnull (f.manager.find ("a"));
  f.hooks.let_go ();
  g_assert_cmpint (removed, ==, 2);
  g_assert_null (f.manager.find ("a"));
  bool refused = false;
  f.manager.remove ("a",
      [&] (Result<void> result) { refused = !result.has_value (); });
  g_assert_true (refused);
}

void
one_consumer ()
{
  Fixture f;
  Recorder other;
  other.manager = &f.manager;
  g_assert_true (f.manager.add (config ("a")).has_value ());
  f.manager.set_hooks (&other);
  g_assert_true (f.stop ("a"));
  g_assert_cmpstr (f.hooks.calls.c_str (), ==, "start(new) ");
  g_assert_cmpstr (other.calls.c_str (), ==, "before(running) stop(ended) ");
  f.manager.set_hooks (nullptr);
  g_assert_true (f.manager.start ("a").has_value ());
  g_assert_cmpuint (f.manager.find ("a")->command ().size (), ==, 3);
  g_assert_true (f.stop ("a"));
  g_assert_cmpstr (other.calls.c_str (), ==, "before(running) stop(ended) ");
}

void
update_keeps_or_renews_the_hook ()
{
  Fixture f;
  g_assert_true (f.manager.add (config ("a")).has_value ());
  const Task *task = f.manager.find ("a");
  pid_t pid = task->process ().pid ();
  auto update = [&] (ProcessConfig c) {
    bool done = false, ok = false;
    f.manager.update ("a", std::move (c), [&] (Result<void> result) {
      done = true;
      ok = result.has_value ();
    });
    wait_until ([&] { return done; });
    return ok;
  };
  // The same: nothing happens.
  g_assert_true (update (config ("a")));
  g_assert_cmpint (task->process ().pid (), ==, pid);
  ProcessConfig c = config ("a");
  c.options = {"-y"};
  g_assert_true (update (c));
  g_assert_cmpint (task->process ().pid (), !=, pid);
  g_assert_cmpstr (task->process ().arguments ()[0].c_str (), ==, "-y");
  g_assert_cmpstr (f.hooks.calls.c_str (), ==, "start(new) ");
  c.webrtc.enabled = true;
  g_assert_true (update (c));
  g_assert_true (task->process ().running ());
  g_assert_cmpstr (f.hooks.calls.c_str (), ==,
      "start(new) before(running) stop(ended) start(ended) ");
  c.input[0].address = "";
  g_assert_false (update (c));
  g_assert_true (task->process ().running ());
}

void
max_processes ()
{
  Fixture f (1);
  g_assert_true (f.manager.add (config ("a")).has_value ());
  const char *full = "max. number of running processes (1) reached";
  g_assert_true (alike (f.manager.add (config ("b")), full));
  g_assert_null (f.manager.find ("b"));
  ProcessConfig c = config ("b");
  c.autostart = false;
  g_assert_true (f.manager.add (c).has_value ());
  g_assert_true (alike (f.manager.start ("b"), full));
  g_assert_true (f.stop ("a"));
  g_assert_true (f.manager.start ("b").has_value ());
}

void
shut_down_keeps_orders ()
{
  Fixture f;
  ProcessConfig c = config ("c");
  c.autostart = false;
  g_assert_true (f.manager.add (config ("a")).has_value ());
  f.manager.set_hooks (nullptr);
  g_assert_true (f.manager.add (config ("b", "ignore")).has_value ());
  const FfmpegProcess &stubborn = f.manager.find ("b")->process ();
  wait_until ([&] { return stubborn.progress ().frame > 0; });
  g_assert_true (f.manager.add (c).has_value ());
  bool done = false;
  f.manager.shut_down ([&] { done = true; });
  wait_until ([&] { return done; });
  g_assert_true (f.manager.find ("a")->order () == Order::start);
  g_assert_true (stubborn.state () == ExecState::killed);
  g_assert_true (f.manager.find ("c")->order () == Order::stop);
  g_assert_true (alike (f.manager.start ("c"), "shutting down"));
}

void
unknown_ids ()
{
  Fixture f;
  g_assert_true (alike (f.manager.start ("x"), "unknown process (x)"));
  int errors = 0;
  auto count = [&] (Result<void> result) { errors += !result.has_value (); };
  f.manager.stop ("x", count);
  f.manager.restart ("x", count);
  f.manager.reload ("x", count);
  f.manager.remove ("x", count);
  f.manager.update ("x", config ("x"), count);
  g_assert_cmpint (errors, ==, 5);
}

} // namespace

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  log_init (LogLevel::silent);
  g_assert_cmpint (argc, ==, 2);
  fake_ffmpeg = argv[1];
  g_test_add_func ("/process-manager/order-of-calls", order_of_calls);
  g_test_add_func ("/process-manager/double-start", double_start_does_nothing);
  g_test_add_func ("/process-manager/refusal", refusal_is_visible);
  g_test_add_func ("/process-manager/refusal-retried", refusal_is_tried_again);
  g_test_add_func ("/process-manager/reconnect", reconnect_is_no_start);
  g_test_add_func ("/process-manager/start-while-stopping",
      start_waits_for_the_stop_before);
  g_test_add_func ("/process-manager/removal", removal);
  g_test_add_func ("/process-manager/one-consumer", one_consumer);
  g_test_add_func ("/process-manager/update", update_keeps_or_renews_the_hook);
  g_test_add_func ("/process-manager/max-processes", max_processes);
  g_test_add_func ("/process-manager/shut-down", shut_down_keeps_orders);
  g_test_add_func ("/process-manager/unknown-ids", unknown_ids);
  return g_test_run ();
}
