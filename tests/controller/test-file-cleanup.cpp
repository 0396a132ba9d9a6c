// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/http/glob.h"
#include "controller/log.h"
#include "controller/process/cleaner.h"
#include "tests/controller/process-fixture.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace restream;

namespace {

const std::atomic<bool> kGoOn = false;

// A folder with files of known ages.
struct Fixture
{
  Fixture ()
  {
    Owned<char> made (g_dir_make_tmp ("cleanup-XXXXXX", nullptr));
    base = made.get ();
    root = base + "/data";
    outside = base + "/outside";
    for (const std::string &folder :
        {root, root + "/a", root + "/a/b", root + "/memfs", outside})
      g_assert_cmpint (g_mkdir (folder.c_str (), 0700), ==, 0);
  }
  ~Fixture ()
  {
    const char *argv[] = {"rm", "-rf", base.c_str (), nullptr};
    g_spawn_sync (nullptr, const_cast<char **> (argv), nullptr,
        G_SPAWN_SEARCH_PATH, nullptr, nullptr, nullptr, nullptr, nullptr,
        nullptr);
  }
  std::string file (const std::string &path, int age_s)
  {
    std::string full = path.starts_with ("/") ? path : root + "/" + path;
    g_assert_true (g_file_set_contents (full.c_str (), "x", 1, nullptr));
    struct timespec times[2];
    clock_gettime (CLOCK_REALTIME, &times[0]);
    times[0].tv_sec -= age_s;
    times[1] = times[0];
    g_assert_cmpint (utimensat (AT_FDCWD, full.c_str (), times, 0), ==, 0);
    return full;
  }
  bool has (const std::string &path) const
  {
    struct stat status;
    return lstat ((path.starts_with ("/") ? path : root + "/" + path).c_str (),
               &status)
        == 0;
  }
  CleanupResult run (const CleanupRule &rule,
      CleanupKind kind = CleanupKind::regular) const
  {
    return clean_up_files (root, {rule}, kind, kGoOn);
  }
  std::string base, root, outside;
};

void
by_number ()
{
  Fixture f;
  for (int i = 0; i < 10; i++)
    f.file ("x_" + std::to_string (i) + ".ts", 100 - i);
  f.file ("y.ts", 500);
  f.file ("a/x_0.ts", 500);
  auto result = f.run ({"disk:/x_*.ts", 3, 0, false});
  g_assert_cmpuint (result.removed, ==, 7);
  g_assert_true (f.has ("x_7.ts") && f.has ("x_9.ts") && !f.has ("x_6.ts"));
  g_assert_true (f.has ("y.ts") && f.has ("a/x_0.ts"));
  g_assert_cmpuint (f.run ({"disk:/x_*.ts", 3, 0, false}).removed, ==, 0);
  // Nothing is asked for, nothing is removed.
  g_assert_cmpuint (f.run ({"disk:/**", 0, 0, true}).removed, ==, 0);
}

void
by_age ()
{
  Fixture f;
  f.file ("old", 100);
  f.file ("new", 1);
  f.file ("a/b/old", 100);
  g_assert_cmpuint (f.run ({"diskfs:/*", 0, 50, false}).removed, ==, 1);
  g_assert_true (!f.has ("old") && f.has ("new") && f.has ("a/b/old"));
  g_assert_cmpuint (f.run ({"diskfs:/**", 0, 50, false}).removed, ==, 1);
  g_assert_true (f.has ("a/b")); // folders stay
}

void
patterns ()
{
  Fixture f;
  auto removes = [&f] (const std::string &pattern, const std::string &path) {
    f.file (path, 100);
    auto result = f.run ({pattern, 0, 50, false});
    g_assert_true (result.error.empty ());
    g_assert_cmpuint (result.removed, ==, f.has (path) ? 0 : 1);
    return !f.has (path);
  };
  g_assert_true (removes ("memfs:/m.ts", "memfs/m.ts"));
  g_assert_true (removes ("mem:/m.ts", "memfs/m.ts"));
  g_assert_true (removes (f.root + "/a/*.ts", "a/x.ts"));
  g_assert_true (removes ("disk:a/x.ts", "a/x.ts"));
  g_assert_true (removes ("disk:/a/{x,y}_?.t[sx]", "a/y_1.ts"));
  g_assert_true (removes ("disk:/*/b/x", "a/b/x"));
  g_assert_true (removes ("disk:/{a/b,c}/x", "a/b/x"));
  g_assert_false (removes ("disk:/a/*", "a/b/x"));
  g_assert_false (removes ("disk:/a?b/x", "a/b/x"));
  g_assert_false (removes ("disk:/a[!x]b/x", "a/b/x"));
  g_assert_false (removes ("s3:/a/b/x", "a/b/x"));
  g_assert_false (removes ("/a/b/x", "a/b/x"));
  g_assert_false (f.run ({"disk:/[", 1, 0, false}).error.empty ());
}

void
stays_inside ()
{
  Fixture f;
  std::string secret = f.file (f.outside + "/secret", 100);
  g_assert_cmpint (symlink (f.outside.c_str (), (f.root + "/link").c_str ()),
      ==, 0);
  g_assert_cmpint (symlink (secret.c_str (), (f.root + "/file").c_str ()), ==,
      0);
  for (const char *pattern : {"disk:/link/secret", "disk:/**", "disk:/*/secret",
           "disk:/../outside/secret", "disk:/../**", "disk:/a/../../outside/*",
           "disk:/file", "memfs:/../../outside/*"})
    for (auto kind : {CleanupKind::regular, CleanupKind::purge})
      f.run ({pattern, 0, 50, true}, kind);
  f.run ({f.root + "/../outside/*", 0, 50, true}, CleanupKind::purge);
  g_assert_true (f.has (secret));
  g_assert_true (f.has ("link") && f.has ("file")); // no files themselves
}

void
purge ()
{
  Fixture f;
  f.file ("x_1.ts", 0);
  f.file ("y_1.ts", 0);
  g_assert_cmpuint (
      f.run ({"disk:/x*", 1, 1000, true}, CleanupKind::purge).removed, ==, 1);
  g_assert_cmpuint (
      f.run ({"disk:/y*", 1, 0, false}, CleanupKind::purge).removed, ==, 0);
  // A folder that is not there is no error.
  auto result = f.run ({"disk:/nope/*", 1, 0, true}, CleanupKind::purge);
  g_assert_true (result.error.empty () && result.removed == 0);
}

void
errors_are_told ()
{
  Fixture f;
  if (geteuid () == 0)
    return g_test_skip ("root may remove everything");
  f.file ("a/x", 100);
  g_chmod ((f.root + "/a").c_str (), 0500);
  auto result = f.run ({"disk:/a/x", 0, 50, false});
  g_chmod ((f.root + "/a").c_str (), 0700);
  g_assert_nonnull (strstr (result.error.c_str (), "cannot remove /a/x"));
}

void
cleaner ()
{
  Fixture f;
  int owner = 0;
  {
    auto cleaner = std::make_shared<Cleaner> (f.root, 20);
    cleaner->set_rules (&owner, "p", {{"disk:/x_*", 1, 0, false}});
    f.file ("x_1", 100);
    f.file ("x_2", 50);
    wait_until ([&] { return !f.has ("x_1"); });
    f.file ("x_3", 10); // again and again
    wait_until ([&] { return !f.has ("x_2"); });
    cleaner->set_rules (&owner, "p", {});
    f.file ("y", 0);
    cleaner->purge ("p", {{"disk:/y", 0, 0, true}, {"disk:/x_3", 1, 0, false}});
  }
  g_assert_false (f.has ("y")); // its end waits for purges
  g_assert_true (f.has ("x_3"));
}

} // namespace

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  log_init (LogLevel::silent);
  g_test_add_func ("/file-cleanup/number", by_number);
  g_test_add_func ("/file-cleanup/age", by_age);
  g_test_add_func ("/file-cleanup/patterns", patterns);
  g_test_add_func ("/file-cleanup/inside", stays_inside);
  g_test_add_func ("/file-cleanup/purge", purge);
  g_test_add_func ("/file-cleanup/errors", errors_are_told);
  g_test_add_func ("/file-cleanup/cleaner", cleaner);
  return g_test_run ();
}
