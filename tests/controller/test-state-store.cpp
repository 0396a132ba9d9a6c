// SPDX-License-Identifier: LGPL-2.1-or-later
// The state file, and what becomes of it when the daemon is killed while it writes.
#include "controller/log.h"
#include "controller/store/db-store.h"
#include "controller/store/record-json.h"

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace restream;

namespace {

GMutex calls_mutex;
std::string calls; // of the system, in their order
std::atomic<bool> fail_folder_sync = false;

void
note_call (const char *what)
{
  g_mutex_lock (&calls_mutex);
  calls += what;
  calls += ' ';
  g_mutex_unlock (&calls_mutex);
}

bool
is_folder (int fd)
{
  struct stat info;
  return fstat (fd, &info) == 0 && S_ISDIR (info.st_mode);
}

} // namespace

// In place of libc's, so that the test sees the order.
extern "C" int
fsync (int fd)
{
  note_call (is_folder (fd) ? "sync-folder" : "sync-file");
  if (is_folder (fd) && fail_folder_sync) {
    errno = EIO;
    return -1;
  }
  return int (syscall (SYS_fsync, fd));
}

extern "C" int
renameat (int from, const char *old_name, int to, const char *name)
{
  note_call ("rename");
  return int (syscall (SYS_renameat2, from, old_name, to, name, 0));
}

namespace {

const char *program;

struct Folder
{
  Folder ()
  {
    Owned<char> made (g_dir_make_tmp ("rtprestream-state-XXXXXX", nullptr));
    g_assert_nonnull (made.get ());
    path = made.get ();
  }
  ~Folder ()
  {
    GDir *dir = g_dir_open (path.c_str (), 0, nullptr);
    while (const char *name = g_dir_read_name (dir))
      g_remove ((path + "/" + name).c_str ());
    g_dir_close (dir);
    g_rmdir (path.c_str ());
  }
  std::string file () const { return path + "/db.json"; }
  void fill (const std::string &text) const
  {
    g_assert_true (g_file_set_contents (file ().c_str (), text.data (),
        gssize (text.size ()), nullptr));
  }
  std::string text () const
  {
    Owned<char> contents;
    gsize size = 0;
    g_assert_true (
        g_file_get_contents (file ().c_str (), out (contents), &size, nullptr));
    return {contents.get (), size};
  }
  std::unique_ptr<StateFolder> open () const
  {
    auto folder = StateFolder::open (path);
    g_assert_true (folder.has_value ());
    return *std::move (folder);
  }
  StoredState load () const
  {
    std::string set_aside;
    auto state = open ()->load (set_aside);
    g_assert_true (state.has_value ());
    g_assert_cmpstr (set_aside.c_str (), ==, "");
    return *std::move (state);
  }
  std::shared_ptr<DbStore> store (unsigned retry_ms = 60000,
      std::size_t max_bytes = DbStore::kMaxBytes) const
  {
    auto folder = open ();
    std::string set_aside;
    auto state = folder->load (set_aside);
    g_assert_true (state.has_value ());
    return std::make_shared<DbStore> (std::move (folder), *state, retry_ms,
        max_bytes);
  }
  std::string path;
};

ProcessRecord
record (const std::string &id)
{
  ProcessRecord r;
  r.config.id = id;
  r.config.input.push_back ({"in", "x", {"-re"}, {}});
  r.config.output.push_back ({"out", "-", {}, {}});
  r.order = Order::start;
  r.created_at_s = 1;
  r.updated_at_s = 2;
  return r;
}

bool
commit (DbStore &store)
{
  int answered = 0;
  bool ok = false;
  store.commit ([&] (Result<void> result) {
    answered++;
    ok = result.has_value ();
  });
  while (answered == 0)
    g_main_context_iteration (nullptr, TRUE);
  g_assert_cmpint (answered, ==, 1);
  return ok;
}

std::string
written (const ProcessRecord &r)
{
  JsonWriter json;
  write_record (json, r);
  return json.take ();
}

// As upstream writes it, with what a later version of it may add.
constexpr const char *kUpstream = R"({
    "version": 4,
    "process": {
        "cam/1": {
            "id": "cam/1",
            "reference": "ref",
            "created_at": 1700000000,
            "updated_at": 1700000001,
            "order": "start",
            "config": {
                "id": "cam/1",
                "reference": "ref",
                "ffversion": "^5.1.0",
                "input": [
                    {
                        "id": "in",
                        "address": "rtsp://x/?a=1\u0026b=\u003c2\u003e",
                        "options": [
                            "-re"
                        ],
                        "cleanup": []
                    }
                ],
                "output": [
                    {
                        "id": "out",
                        "address": "{memfs}/x.m3u8",
                        "options": [],
                        "cleanup": [
                            {
                                "pattern": "memfs:/x_*.ts",
                                "max_files": 5,
                                "max_file_age_seconds": 10,
                                "purge_on_delete": true
                            }
                        ]
                    }
                ],
                "options": [
                    "-err_detect",
                    "ignore_err"
                ],
                "reconnect": true,
                "reconnect_delay_seconds": 15,
                "autostart": true,
                "stale_timeout_seconds": 30,
                "limit_cpu_usage": 12.3456,
                "limit_memory_bytes": 104857600,
                "limit_waitfor_seconds": 5,
                "later": {}
            },
            "owner": "me"
        }
    },
    "metadata": {
        "system": {
            "restreamer-ui": {
                "version": 1.10
            }
        },
        "process": {
            "cam/1": {
                "note": [
                    null,
                    "\u2028"
                ]
            }
        },
        "other": 1
    },
    "root": true
}
)";

void
upstream_format ()
{
  Folder folder;
  folder.fill (kUpstream);
  StoredState state = folder.load ();
  g_assert_cmpuint (state.processes.size (), ==, 1);
  const ProcessRecord &r = state.processes[0];
  g_assert_cmpstr (r.invalid.c_str (), ==, "");
  g_assert_true (r.order == Order::start);
  g_assert_cmpint (r.created_at_s, ==, 1700000000);
  g_assert_cmpint (r.updated_at_s, ==, 1700000001);
  g_assert_cmpstr (r.config.type.c_str (), ==, "ffmpeg");
  g_assert_cmpuint (r.config.limits.memory_mbytes, ==, 100);
  g_assert_cmpuint (r.config.limits.waitfor_s, ==, 5);
  g_assert_cmpfloat (r.config.limits.cpu_usage, ==, 12.3456);
  g_assert_cmpuint (r.config.output[0].cleanup.size (), ==, 1);
  g_assert_nonnull (r.metadata.find ("note"));
  g_assert_nonnull (state.app_metadata.find ("restreamer-ui"));

  // What we write is what was read, and our own besides.
  auto store = folder.store ();
  g_assert_true (store->put (r).has_value ());
  g_assert_true (commit (*store));
  std::string text = folder.text ();
  std::size_t ours = text.find ("                \"webrtc\": {");
  std::size_t end = text.find ("                \"ffversion\"", ours);
  g_assert_cmpuint (end, !=, std::string::npos);
  text.erase (ours, end - ours);
  // Its order of members is no matter.
  const std::string moved = "                \"ffversion\": \"^5.1.0\",\n";
  std::string upstream = kUpstream;
  upstream.erase (upstream.find (moved), moved.size ());
  text.erase (text.find (moved), moved.size ());
  std::size_t number = upstream.find ("1.10");
  upstream.erase (number + 3, 1);
  std::size_t separator = upstream.find ("\\u2028");
  upstream.replace (separator, 6, "\u2028");
  g_assert_cmpstr (text.c_str (), ==, upstream.c_str ());
  struct stat info;
  g_assert_cmpint (stat (folder.file ().c_str (), &info), ==, 0);
  g_assert_cmpint (info.st_mode & 07777, ==, 0600);
}

void
our_own_fields ()
{
  Folder folder;
  ProcessRecord r = record ("a");
  r.config.webrtc.enabled = true;
  r.config.webrtc.token = "secret";
  r.config.webrtc.video_codec = "vp8";
  r.config.limits.memory_mbytes = G_MAXUINT64; // saturates
  g_assert_true (r.metadata.set ("k", (*parse_json ("{\"x\":[0.1]}")).get ())
                     .has_value ());
  auto store = folder.store ();
  g_assert_true (store->put (r).has_value ());
  g_assert_true (commit (*store));
  store.reset ();
  StoredState state = folder.load ();
  g_assert_cmpuint (state.processes.size (), ==, 1);
  ProcessRecord back = state.processes[0];
  g_assert_cmpuint (back.config.limits.memory_mbytes, ==,
      std::uint64_t (G_MAXINT64) / 1048576);
  back.config.limits.memory_mbytes = G_MAXUINT64;
  g_assert_true (back.config == r.config);
  g_assert_null (back.stored.get ());
  JsonWriter json;
  back.metadata.write (json);
  std::string text = json.take ();
  g_assert_cmpstr (text.c_str (), ==, "{\"k\":{\"x\":[0.1]}}");
}

void
invalid_processes_stay ()
{
  const char *text = R"({"version":4,"process":{
    "list":[1,2],
    "nothing":{"order":"start"},
    "wrong":{"order":"start","created_at":7,"more":1,
      "config":{"input":"no list","x":1}},
    "good":{"config":{"id":"another"},"order":"nonsense"}}})";
  auto state = parse_state (text);
  g_assert_true (state.has_value ());
  g_assert_cmpuint (state->processes.size (), ==, 4);
  for (ProcessRecord &r : state->processes) {
    bool good = r.config.id == "good";
    g_assert_true (r.invalid.empty () == good);
    g_assert_true (r.unreadable != good);
  }
  ProcessRecord &wrong = state->processes[2];
  g_assert_cmpstr (wrong.config.id.c_str (), ==, "wrong");
  g_assert_true (wrong.order == Order::start);
  g_assert_cmpstr (wrong.invalid.c_str (), ==,
      "cannot be read from the state file: input: list expected");
  // It is written as it was, but for its order.
  wrong.order = Order::stop;
  std::string again = written (wrong);
  g_assert_cmpstr (again.c_str (), ==,
      "{\"id\":\"wrong\",\"reference\":\"\",\"created_at\":7,\"updated_at\":0,"
      "\"order\":\"stop\",\"config\":{\"input\":\"no "
      "list\",\"x\":1},\"more\":1}");
}

void
unreadable_files ()
{
  std::string huge (300, '[');
  for (const std::string &text :
      {std::string (), std::string ("{\"version\":4,\"process\":{\"a\""),
          std::string (100, '\0'), std::string ("[]"), std::string ("\xff\xfe"),
          std::string ("{\"version\":\"4\"}"),
          std::string ("{\"version\":4,\"process\":[]}"),
          std::string ("{\"version\":4,\"metadata\":{\"process\":{\"a\":1}},"
                       "\"process\":{\"a\":{}}}"),
          huge}) {
    Folder folder;
    folder.fill (text);
    auto open = folder.open ();
    std::string set_aside;
    for (int i = 0; i < 2; i++) { // twice in a second: two names
      auto state = open->load (set_aside);
      g_assert_true (state.has_value ());
      g_assert_true (state->processes.empty ());
      g_assert_cmpstr (set_aside.c_str (), !=, "");
      std::size_t from = set_aside.find ("kept as ") + 8;
      std::string kept =
          set_aside.substr (from, set_aside.find (", starting") - from);
      Owned<char> contents;
      gsize size = 0;
      g_assert_true (
          g_file_get_contents (kept.c_str (), out (contents), &size, nullptr));
      g_assert_true (std::string (contents.get (), size) == text);
      g_assert_false (
          g_file_test (folder.file ().c_str (), G_FILE_TEST_EXISTS));
      folder.fill (text);
    }
  }
}

void
other_versions_are_refused ()
{
  for (const char *text :
      {"{}", "{\"version\":3}", "{\"version\":5,\"process\":[]}"}) {
    Folder folder;
    folder.fill (text);
    std::string set_aside;
    auto state = folder.open ()->load (set_aside);
    g_assert_false (state.has_value ());
    g_assert_nonnull (strstr (state.error ().what.c_str (),
        "unsupported version of the state file (want: 4, have: "));
    g_assert_true (folder.text () == text);
  }
}

void
one_daemon_per_folder ()
{
  Folder folder;
  auto first = folder.open ();
  auto second = StateFolder::open (folder.path);
  g_assert_false (second.has_value ());
  g_assert_nonnull (
      strstr (second.error ().what.c_str (), "another daemon keeps its state"));
  first.reset ();
  g_assert_true (StateFolder::open (folder.path).has_value ());
  // A folder that cannot be: below a file.
  folder.fill ("x");
  g_assert_false (StateFolder::open (folder.file () + "/x").has_value ());
}

void
order_of_writing ()
{
  Folder folder;
  auto store = folder.store ();
  g_assert_true (store->put (record ("a")).has_value ());
  calls.clear ();
  g_assert_true (commit (*store));
  g_assert_cmpstr (calls.c_str (), ==, "sync-file rename sync-folder ");
  // Nothing new, nothing to write.
  calls.clear ();
  g_assert_true (commit (*store));
  g_assert_cmpstr (calls.c_str (), ==, "");
  // What comes meanwhile goes together.
  int done = 0;
  for (int i = 0; i < 100; i++) {
    g_assert_true (store->put (record (std::to_string (i))).has_value ());
    store->commit ([&] (Result<void> ok) { done += ok.has_value (); });
    if (i == 50)
      g_main_context_iteration (nullptr, FALSE); // the first write begins
  }
  g_assert_cmpint (done, <, 100);
  while (done < 100)
    g_main_context_iteration (nullptr, TRUE);
  g_assert_cmpstr (calls.c_str (), ==,
      "sync-file rename sync-folder sync-file rename sync-folder ");
  store.reset ();
  g_assert_cmpuint (folder.load ().processes.size (), ==, 101);
}

void
failed_writes ()
{
  Folder folder;
  auto store = folder.store (30);
  int failures = 0;
  store->set_on_failure ([&] { failures++; });
  g_assert_true (store->put (record ("a")).has_value ());
  g_assert_true (commit (*store));
  std::string before = folder.text ();

  // A full disk, as far as one process can make one.
  struct rlimit unlimited, little;
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &unlimited), ==, 0);
  little = unlimited;
  little.rlim_cur = 100;
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &little), ==, 0);
  g_assert_true (store->put (record ("b")).has_value ());
  g_assert_false (commit (*store));
  g_assert_cmpint (failures, ==, 1);
  g_assert_true (folder.text () == before);
  g_assert_false (g_file_test ((folder.path + "/db.json.new").c_str (),
      G_FILE_TEST_EXISTS));
  // All that wait get the error, those of the next write too.
  int answers = 0, errors = 0;
  auto count = [&] (Result<void> ok) {
    answers++;
    errors += !ok;
  };
  store->commit (count);
  g_main_context_iteration (nullptr, FALSE);
  g_assert_true (store->put (record ("c")).has_value ());
  store->commit (count);
  while (answers < 2)
    g_main_context_iteration (nullptr, TRUE);
  g_assert_cmpint (errors, ==, 2);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &unlimited), ==, 0);
  // It tries by itself until the file is as the store.
  while (parse_state (folder.text ())->processes.size () < 3)
    g_main_context_iteration (nullptr, TRUE);

  fail_folder_sync = true;
  g_assert_true (store->put (record ("d")).has_value ());
  g_assert_false (commit (*store));
  fail_folder_sync = false;
  g_assert_true (commit (*store));
  store.reset ();
  g_assert_cmpuint (folder.load ().processes.size (), ==, 4);
}

void
bounded ()
{
  Folder folder;
  auto store = folder.store (60000, 128 * 1024);
  ProcessRecord large = record ("0");
  large.config.options.push_back (std::string (16 * 1024, 'x'));
  int taken = 0;
  for (; taken < 100; taken++) {
    large.config.id = std::to_string (taken);
    if (auto ok = store->put (large); !ok) {
      g_assert_true (ok.error ().code == Code::too_large);
      break;
    }
  }
  g_assert_cmpint (taken, ==, 7);
  // What has no room takes none.
  large.config.id = "0";
  large.config.options = {"small"};
  g_assert_true (store->put (large).has_value ());
  store->erase ("1");
}

// ---- Killed while it writes ----

// The child: changes a few processes as fast as it can; tells each change before it is made and when it
// is durable.
int
writer_main (const char *path, unsigned seed)
{
  auto folder = StateFolder::open (path);
  if (!folder)
    return 2;
  std::string set_aside;
  auto state = (*folder)->load (set_aside);
  if (!state || !set_aside.empty ())
    return 3;
  DbStore *store = nullptr;
  auto shared = std::make_shared<DbStore> (*std::move (folder), *state);
  store = shared.get ();
  GRand *random = g_rand_new_with_seed (seed);
  auto tell = [] (const std::string &line) {
    if (::write (STDOUT_FILENO, line.data (), line.size ())
        != ssize_t (line.size ()))
      _exit (4);
  };
  for (std::int64_t n = std::int64_t (seed) * 1000000;; n++) {
    std::string id = "p" + std::to_string (g_rand_int_range (random, 0, 8));
    bool put = g_rand_int_range (random, 0, 4) > 0;
    std::string number = std::to_string (n);
    tell ("B " + number + " " + id + (put ? " put\n" : " erase\n"));
    if (put) {
      ProcessRecord r = record (id);
      r.updated_at_s = n;
      r.config.options.push_back (
          std::string (std::size_t (g_rand_int_range (random, 0, 20000)), 'x'));
      if (!store->put (r))
        return 5;
    } else {
      store->erase (id);
    }
    store->commit ([tell, number] (Result<void> ok) {
      if (ok)
        tell ("A " + number + "\n");
    });
    g_main_context_iteration (nullptr, FALSE);
  }
}

struct Change
{
  std::int64_t number;
  std::string id;
  bool put;
  bool acknowledged = false;
};

void
run_writer (const std::string &path, unsigned seed,
    std::vector<Change> &changes)
{
  std::string seed_text = std::to_string (seed);
  const char *argv[] = {program, "--writer", path.c_str (), seed_text.c_str (),
      nullptr};
  GPid pid = 0;
  int out_fd = -1;
  Owned<GError> error;
  g_assert_true (g_spawn_async_with_pipes (nullptr, const_cast<char **> (argv),
      nullptr, G_SPAWN_DO_NOT_REAP_CHILD, nullptr, nullptr, &pid, nullptr,
      &out_fd, nullptr, out (error)));
  FILE *lines = fdopen (out_fd, "r");
  int until = g_test_rand_int_range (1, 80);
  char line[128];
  bool killed = false;
  while (fgets (line, sizeof line, lines)) {
    char id[32], what[16];
    gint64 number = 0;
    if (sscanf (line, "B %" G_GINT64_FORMAT " %31s %15s", &number, id, what)
        == 3)
      changes.push_back ({number, id, strcmp (what, "put") == 0});
    else if (sscanf (line, "A %" G_GINT64_FORMAT, &number) == 1)
      for (Change &change : changes)
        change.acknowledged |= change.number == number;
    if (--until == 0 && !killed) {
      g_usleep (gulong (g_test_rand_int_range (0, 3000)));
      kill (pid, SIGKILL);
      killed = true;
    }
  }
  fclose (lines);
  int status = 0;
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_true (WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL);
}

void
killed_while_writing ()
{
  const char *wanted = g_getenv ("RTPRESTREAM_TEST_KILLS");
  int kills = wanted ? atoi (wanted) : 60;
  g_assert_cmpint (kills, >, 0);
  Folder folder;
  std::map<std::string, std::int64_t> before; // by id: updated_at
  std::size_t acknowledged = 0, lost_in_flight = 0;
  for (int i = 0; i < kills; i++) {
    std::vector<Change> changes;
    run_writer (folder.path, unsigned (i + 1), changes);
    std::map<std::string, std::int64_t> now;
    for (const ProcessRecord &r : folder.load ().processes) {
      g_assert_cmpstr (r.invalid.c_str (), ==, "");
      now[r.config.id] = r.updated_at_s;
    }
    for (int p = 0; p < 8; p++) {
      std::string id = "p" + std::to_string (p);
      // What may be there: what the last acknowledged change made, or one after it.
      constexpr std::int64_t kNone = -1;
      std::vector<std::int64_t> may{before.contains (id) ? before[id] : kNone};
      for (const Change &change : changes) {
        if (change.id != id)
          continue;
        if (change.acknowledged)
          may.clear ();
        may.push_back (change.put ? change.number : kNone);
      }
      std::int64_t is = now.contains (id) ? now[id] : kNone;
      g_assert_true (std::find (may.begin (), may.end (), is) != may.end ());
      lost_in_flight += is != may.back ();
    }
    for (const Change &change : changes)
      acknowledged += change.acknowledged;
    before = now;
  }
  g_test_message ("%d kills, %zu acknowledged changes, %zu times in between",
      kills, acknowledged, lost_in_flight);
  // Otherwise it has shown nothing.
  g_assert_cmpuint (acknowledged, >, 0);
  g_assert_cmpuint (lost_in_flight, >, 0);
}

} // namespace

int
main (int argc, char **argv)
{
  signal (SIGXFSZ, SIG_IGN);
  log_init (LogLevel::silent);
  if (argc == 4 && strcmp (argv[1], "--writer") == 0)
    return writer_main (argv[2], unsigned (atoi (argv[3])));
  g_test_init (&argc, &argv, nullptr);
  program = argv[0];
  g_test_add_func ("/state-store/upstream-format", upstream_format);
  g_test_add_func ("/state-store/our-own-fields", our_own_fields);
  g_test_add_func ("/state-store/invalid-processes", invalid_processes_stay);
  g_test_add_func ("/state-store/unreadable-files", unreadable_files);
  g_test_add_func ("/state-store/other-versions", other_versions_are_refused);
  g_test_add_func ("/state-store/one-daemon", one_daemon_per_folder);
  g_test_add_func ("/state-store/order-of-writing", order_of_writing);
  g_test_add_func ("/state-store/failed-writes", failed_writes);
  g_test_add_func ("/state-store/bounded", bounded);
  g_test_add_func ("/state-store/killed", killed_while_writing);
  return g_test_run ();
}
