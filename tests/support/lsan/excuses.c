// SPDX-License-Identifier: LGPL-2.1-or-later
// Preloaded into every test of the sanitizers' build: functions of libraries that leak, and are none of ours,
// leak unseen. LeakSanitizer's own suppressions would have to find their names in the stack of
// the allocation: the way up through Debian's libraries, which have no frame pointers, costs each allocation of a
// test ten times as much. Of a program without LeakSanitizer (FFmpeg, Python) nothing changes.
#include <dlfcn.h>
#include <stdio.h>

#define kGio "libgio-2.0.so.0"
#define kSoup "libsoup-3.0.so.0"

void __lsan_disable (void) __attribute__ ((weak));
void __lsan_enable (void) __attribute__ ((weak));

__attribute__ ((constructor)) static void
end_of_first (void)
{
  if (!__lsan_enable)
    return;
  __lsan_enable ();
  // It ends a program without writing out what the program has said.
  setvbuf (stdout, NULL, _IOLBF, 0);
}

typedef void *Function (void *, void *, void *, void *, void *, void *);

// Who calls it has the library loaded, though maybe for itself alone, as GStreamer does with plugins.
static Function *
find (const char *library, const char *name)
{
  void *handle = dlopen (library, RTLD_LAZY | RTLD_NOLOAD);
  Function *found = (Function *) dlsym (handle, name);
  dlclose (handle);
  return found;
}

// All of these have arguments and results of a register each.
#define EXCUSED(library, name)                                      \
  void *name (void *a, void *b, void *c, void *d, void *e, void *f) \
  {                                                                 \
    static Function *real;                                          \
    if (!real)                                                      \
      real = find (library, #name);                                 \
    if (__lsan_disable)                                             \
      __lsan_disable ();                                            \
    void *result = real (a, b, c, d, e, f);                         \
    if (__lsan_enable)                                              \
      __lsan_enable ();                                             \
    return result;                                                  \
  }

// libsoup before 3.4.0 keeps a reference to the socket of each connection it accepts (fixed by its commit
// b545d5f0), before 3.4.3 the address of each listener (c07ff61f).
EXCUSED (kGio, g_socket_accept)
EXCUSED (kSoup, soup_server_listen)
EXCUSED (kSoup, soup_server_listen_all)
EXCUSED (kSoup, soup_server_listen_local)
EXCUSED (kSoup, soup_server_listen_socket)
// libsoup 3.2.3 forgets the path of a request whose transfer coding it does not know.
EXCUSED (kSoup, soup_headers_parse_request)
