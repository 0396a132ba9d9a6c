// SPDX-License-Identifier: LGPL-2.1-or-later
// The first constructor of all (linked with -z initfirst): what libraries make as they are loaded is not looked
// at; excuses.c, whose constructor comes last, ends that. GLib's table of quarks is why: when it grows, the old
// one is kept on purpose, for readers without a lock.

void __lsan_disable (void) __attribute__ ((weak));

__attribute__ ((constructor)) static void
begin (void)
{
  if (__lsan_disable)
    __lsan_disable ();
}
