// SPDX-License-Identifier: LGPL-2.1-or-later
// Intel's library for IPsec, for who has it (HAVE_IPSEC_MB).
#pragma once

// Without names of its past, one of which is OpenSSL's.
#define NO_COMPAT_IMB_API_053
#include <intel-ipsec-mb.h>

#include <memory>

namespace restream::transport::native {

struct FreeIpsecMb
{
  void operator() (IMB_MGR *manager) const { free_mb_mgr (manager); }
};
using IpsecMb = std::unique_ptr<IMB_MGR, FreeIpsecMb>;

// The functions for this processor, with what they keep between calls: one thread's. Null: there are
// none for this processor, or they fail the library's own test. Takes some 0.3 ms.
IpsecMb make_ipsec_mb ();

// The same for functions that keep nothing, such as GCM's: the process's, for any thread. The first call takes some 10 ms.
IMB_MGR *shared_ipsec_mb ();

} // namespace restream::transport::native
