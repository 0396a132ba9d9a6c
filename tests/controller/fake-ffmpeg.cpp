// SPDX-License-Identifier: LGPL-2.1-or-later
// A child that misbehaves on demand. Its last argument says how:
//   run            statistics ten times a second, ends on SIGINT with 255
//   ignore         as run, but ignores SIGINT
//   exit:N         one line, exit code N
//   crash          ends by SIGSEGV
//   flood          log lines as fast as they go
//   binary         bytes that are no text, a line without end, then as run
//   fork           starts a child of its own that ignores SIGINT, tells its pid, then as run
//   stall          as run for a second, then no more progress
//   memory:N       as run, with N MB in use
//   busy           as run, but a child of its own computes
//   inspect        tells its environment, descriptors, group and stdin, then as run
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;

static void
run (unsigned frames = ~0u)
{
  for (unsigned frame = 1; !interrupted; frame++) {
    if (frame > frames)
      frame = frames;
    fprintf (stderr,
        "frame=%5u fps= 10 q=0.0 size=%8ukB time=00:00:%02u.00 "
        "bitrate=N/A speed=1x    \r",
        frame, frame, frame / 10 % 60);
    usleep (100000);
  }
  fprintf (stderr, "\nExiting normally, received signal 2.\n");
  exit (255);
}

static void
inspect ()
{
  extern char **environ;
  int count = 0;
  for (char **variable = environ; *variable; variable++)
    count += strncmp (*variable, "ASAN_", 5) != 0;
  struct stat in, out;
  fstat (0, &in);
  fstat (1, &out);
  bool null = S_ISCHR (in.st_mode) && S_ISCHR (out.st_mode);
  int descriptors = 0;
  DIR *dir = opendir ("/proc/self/fd");
  while (struct dirent *entry = readdir (dir))
    if (entry->d_name[0] != '.' && atoi (entry->d_name) != dirfd (dir))
      descriptors++;
  closedir (dir);
  fprintf (stderr, "environment=%d descriptors=%d leader=%d null=%d\n", count,
      descriptors, getpgrp () == getpid (), null);
}

int
main (int argc, char **argv)
{
  std::string what = argc > 1 ? argv[argc - 1] : "";
  setvbuf (stderr, nullptr, _IONBF, 0);
  struct sigaction action = {};
  action.sa_handler = [] (int) { interrupted = 1; };
  if (what == "ignore")
    action.sa_handler = SIG_IGN;
  sigaction (SIGINT, &action, nullptr);

  fprintf (stderr, "fake ffmpeg: %s\n", what.c_str ());
  if (what.rfind ("exit:", 0) == 0)
    return atoi (what.c_str () + 5);
  if (what == "crash") {
    signal (SIGSEGV, SIG_DFL);
    raise (SIGSEGV);
  }
  if (what == "flood") {
    std::string lines;
    for (int i = 0; i < 1000; i++)
      lines += "flood flood flood flood flood flood flood flood\n";
    while (
        !interrupted && fwrite (lines.data (), 1, lines.size (), stderr) > 0) {
    }
    return 255;
  }
  if (what == "binary") {
    for (int i = 0; i < 3000; i++)
      fputc (i * 7 % 256, stderr);
    fputc ('\n', stderr);
    for (int i = 0; i < 100000; i++)
      fputc ('x', stderr);
    fputs ("\nafter\n", stderr);
  }
  if (what == "fork") {
    pid_t pid = fork ();
    if (pid == 0) {
      signal (SIGINT, SIG_IGN);
      for (;;)
        pause ();
    }
    fprintf (stderr, "child %d\n", int (pid));
  }
  if (what.rfind ("memory:", 0) == 0) {
    std::size_t size = std::size_t (atoi (what.c_str () + 7)) << 20;
    memset (malloc (size), 1, size);
  }
  if (what == "busy" && fork () == 0)
    for (;;)
      (void) getppid ();
  if (what == "inspect")
    inspect ();
  run (what == "stall" ? 10 : ~0u);
}
